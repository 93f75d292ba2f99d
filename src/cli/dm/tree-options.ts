import { refusal } from './failure.ts';
import { optionWords } from './name-form.ts';

/** How `ls --tree` draws. */
export interface TreeOptions {
  readonly characters: 'ascii' | 'utf' | 'vt100';
  /** What lies below goes on in the same line. */
  readonly compact: boolean;
  /** From the devices below to those above. */
  readonly inverted: boolean;
  /** Lines may be longer than the terminal is wide. */
  readonly notrunc: boolean;
  readonly blkdevname: boolean;
  /** With numbers. */
  readonly device: boolean;
  readonly active: boolean;
  readonly open: boolean;
  readonly rw: boolean;
  readonly uuid: boolean;
}

const OPTIONS: Readonly<Record<string, Partial<TreeOptions>>> = {
  ascii: { characters: 'ascii' },
  utf: { characters: 'utf' },
  vt100: { characters: 'vt100' },
  compact: { compact: true },
  inverted: { inverted: true },
  notrunc: { notrunc: true },
  blkdevname: { blkdevname: true },
  device: { device: true },
  nodevice: { device: false },
  active: { active: true },
  open: { open: true },
  rw: { rw: true },
  uuid: { uuid: true },
};

/**
 * Reads `-o` of `ls --tree`.
 *
 * @param utf8 the terminal shows UTF-8, so lines are drawn with it unless something else is said
 * @throws TscryptError INVALID_ARGUMENT
 */
export function readTreeOptions(text: string | undefined, utf8: boolean): TreeOptions {
  const words = optionWords(text);
  const unknown = words.findIndex((word) => !Object.hasOwn(OPTIONS, word));
  if (unknown >= 0) throw refusal(`Tree options not recognised: ${words.slice(unknown).join(',')}.`);
  const options: TreeOptions = {
    characters: utf8 ? 'utf' : 'ascii',
    compact: false,
    inverted: false,
    notrunc: false,
    blkdevname: false,
    device: true,
    active: false,
    open: false,
    rw: false,
    uuid: false,
  };
  return Object.assign(options, ...words.map((word) => OPTIONS[word]));
}

/** Whether the locale that the environment names is one of UTF-8. */
export function isUtf8Locale(env: Readonly<Record<string, string | undefined>>): boolean {
  return /\.utf-?8(@|$)/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '');
}
