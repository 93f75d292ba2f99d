import { encodeName, isEncodedName } from '../../dm/names.ts';
import { refusal } from './failure.ts';

/**
 * Names and uuids hold any byte; udev allows few in the links it makes of them. libdevmapper therefore gives the
 * kernel `\xNN` for every byte outside `0-9A-Za-z#+-.:=@_`, and shows the byte again (dmsetup(8), --manglename).
 * The mapped device has the mangled name, here as there.
 */
export type ManglingMode = 'none' | 'hex' | 'auto';

/** What is mangled, for messages. */
export type MangledSubject = 'name' | 'new name' | 'UUID';

/** The code of a backslash before an x: the code of a code. */
const TWICE = '\\x5cx';

/** DM_NAME_LEN and DM_UUID_LEN without the NUL byte. */
const MAX_LENGTH: Readonly<Record<MangledSubject, number>> = { name: 127, 'new name': 127, UUID: 128 };

const FAILED: Readonly<Record<MangledSubject, (text: string) => string>> = {
  name: (text) => `Failed to mangle device name "${text}".`,
  'new name': (text) => `Failed to mangle new device name "${text}"`,
  UUID: (text) => `Failed to mangle device uuid "${text}".`,
};

export class NameMangling {
  readonly mode: ManglingMode;

  constructor(mode: ManglingMode) {
    this.mode = mode;
  }

  /**
   * The name or uuid of the mapped device that somebody typed as `text`.
   *
   * @throws TscryptError INVALID_ARGUMENT when `auto` cannot tell what is meant, or it is too long
   */
  toDevice(text: string, subject: MangledSubject = 'name'): string {
    const max = MAX_LENGTH[subject];
    if (subject !== 'UUID' && Buffer.byteLength(text) > max)
      throw refusal(`Name "${text}" too long${subject === 'name' ? '.' : ''}`);
    const mangled = this.#mangled(text, subject);
    if (Buffer.byteLength(mangled) > max)
      throw refusal(`Mangled form of the ${subject} too long for "${text}".`, FAILED[subject](text));
    return mangled;
  }

  /**
   * A name or uuid of a mapped device as it is shown. One that is not mangled as this mode would have it (it
   * was given with another mode, or by another program) is shown as it is, and so are bytes that are no UTF-8.
   */
  shown(text: string): string {
    if (this.mode === 'none' || !text.includes('\\x')) return text;
    const bytes = Buffer.from(text).toString('latin1');
    const unmangled = bytes.replace(/\\x([0-9a-f]{2})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
    const decoded = Buffer.from(unmangled, 'latin1');
    const shown = decoded.toString();
    return Buffer.from(shown).equals(decoded) ? shown : text;
  }

  /** Whether the mode would have given the device this name; what `mangle` looks for. */
  isMangled(text: string): boolean {
    return this.mode === 'none' || isEncodedName(text);
  }

  #mangled(text: string, subject: MangledSubject): string {
    if (this.mode === 'none') return text;
    if (this.mode === 'hex') return encodeName(text);
    if (isMangledTwice(text))
      throw refusal(
        `The ${subject} "${text}" seems to be mangled more than once. This is not allowed in auto mode.`,
      );
    if (isEncodedName(text)) return text;
    if (text.includes('\\x'))
      throw refusal(
        `The ${subject} "${text}" contains mixed mangled and unmangled characters or it's already mangled improperly.`,
        FAILED[subject](text),
      );
    return encodeName(text);
  }
}

/** The codes of the name seem to stand for codes. */
export function isMangledTwice(text: string): boolean {
  return text.includes(TWICE);
}
