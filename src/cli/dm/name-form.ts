import type { DmContext } from './command.ts';
import { refusal } from './failure.ts';

/** How `ls` and `deps` show devices. */
const NAME_FORMS = ['devno', 'blkdevname', 'devname'] as const;
export type NameForm = (typeof NAME_FORMS)[number];

/**
 * What `-o` says of that; behind -c it stands for fields of a report, of which there is none here.
 *
 * @throws TscryptError INVALID_ARGUMENT when it says anything else
 */
export function nameForm({ options }: DmContext): NameForm {
  if (options.columns) return 'devno';
  const words = optionWords(options.options);
  const unknown = words.findIndex((word) => !isNameForm(word));
  if (unknown >= 0) throw refusal(`Option not recognised: ${words.slice(unknown).join(',')}.`);
  return words.filter(isNameForm).at(-1) ?? 'devno';
}

/** The words of an `-o` that is no list of fields. */
export function optionWords(text = ''): string[] {
  return text.split(',').filter((word) => word !== '');
}

function isNameForm(word: string): word is NameForm {
  return NAME_FORMS.some((form) => form === word);
}
