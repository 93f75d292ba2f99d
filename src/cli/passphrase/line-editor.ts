import { Secret } from '../../crypto/secret.ts';

/** What a byte that was typed means for the line. */
export type Typed = 'more' | 'done' | 'end-of-input' | 'interrupt' | 'suspend';

/** Most bytes of a passphrase typed on a terminal (cryptsetup's compiled-in limit). */
export const TYPED_MAX = 512;

const CTRL = (letter: string): number => letter.charCodeAt(0) & 0x1f;
const DELETE = 0x7f;

/**
 * A line of bytes being typed on a terminal in raw mode, with the editing a terminal offers in its normal
 * mode: backspace, Ctrl-U (all), Ctrl-W (word), Ctrl-V (next byte literally), Ctrl-D (end). Bytes stay
 * bytes: any encoding, or none.
 */
export class LineEditor implements Disposable {
  readonly #line = new Secret(TYPED_MAX);
  #length = 0;
  #literal = false;
  #overflowed = false;

  /** More was typed than fits; the rest was dropped. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  type(byte: number): Typed {
    if (this.#literal) {
      this.#literal = false;
      return this.#append(byte);
    }
    switch (byte) {
      case 0x0d:
      case 0x0a:
        return 'done';
      case CTRL('C'):
      case CTRL('\\'):
        return 'interrupt';
      case CTRL('Z'):
        return 'suspend';
      case CTRL('D'):
        return this.#length === 0 ? 'end-of-input' : 'done';
      case CTRL('H'):
      case DELETE:
        return this.#shorten(this.#length - this.#lastCharacter());
      case CTRL('U'):
        return this.#shorten(0);
      case CTRL('W'):
        return this.#shorten(this.#wordStart());
      case CTRL('V'):
        this.#literal = true;
        return 'more';
      default:
        return this.#append(byte);
    }
  }

  /** What was typed, the caller's to dispose of. */
  take(): Secret {
    return Secret.copy(this.#line.bytes.subarray(0, this.#length));
  }

  [Symbol.dispose](): void {
    this.#line.dispose();
  }

  #append(byte: number): Typed {
    if (this.#length === TYPED_MAX) this.#overflowed = true;
    else this.#line.bytes[this.#length++] = byte;
    return 'more';
  }

  #shorten(length: number): Typed {
    this.#line.bytes.fill(0, length, this.#length);
    this.#length = length;
    this.#overflowed = false;
    return 'more';
  }

  /** Bytes of the last character: a whole UTF-8 sequence where there is one, else one byte. */
  #lastCharacter(): number {
    const line = this.#line.bytes;
    for (let length = 1; length <= Math.min(4, this.#length); length++) {
      const lead = line[this.#length - length] ?? 0;
      if ((lead & 0xc0) === 0x80) continue;
      return sequenceLength(lead) === length ? length : 1;
    }
    return Math.min(1, this.#length);
  }

  #wordStart(): number {
    const line = this.#line.bytes;
    let at = this.#length;
    while (at > 0 && line[at - 1] === 0x20) at--;
    while (at > 0 && line[at - 1] !== 0x20) at--;
    return at;
  }
}

/** Bytes of the UTF-8 sequence that begins with `lead` (RFC 3629, section 3). */
function sequenceLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 1;
}
