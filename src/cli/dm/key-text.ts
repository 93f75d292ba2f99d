import { Secret } from '../../crypto/secret.ts';

/** Keys in bytes that people wrote, taken out before a string is made of the rest. */

const ZERO = 0x30;
const BACKSLASH = 0x5c;
const CRYPT = [...'crypt'].map((char) => char.charCodeAt(0));

interface Word {
  readonly start: number;
  readonly end: number;
}

/**
 * The key of a table line `<start> <length> crypt <cipher> <key> …`, where it is written as hex. In `line` its
 * digits become zeroes. undefined when there is none, or quoting makes it unclear where it stands; the parser
 * of tables decides then. The caller disposes of it.
 */
export function takeKey(line: Uint8Array): Secret | undefined {
  const [start, length, type, cipher, key] = words(line, 5);
  if (!start || !length || !type || !cipher || !key) return undefined;
  // A word with a blank in it would be two here.
  const before = line.subarray(start.start, key.start);
  if (before.includes(BACKSLASH)) return undefined;
  const isCrypt =
    type.end - type.start === CRYPT.length && CRYPT.every((byte, at) => line[type.start + at] === byte);
  return isCrypt ? takeHex(line.subarray(key.start, key.end)) : undefined;
}

/** The key of a message `key set <key>`, likewise. */
export function takeMessageKey(message: Uint8Array): Secret | undefined {
  const [verb, action, key] = words(message, 3);
  if (!verb || !action || !key) return undefined;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(message.subarray(verb.start, key.start));
  return /^key\s+set\s+$/i.test(text) ? takeHex(message.subarray(key.start, key.end)) : undefined;
}

/** Bytes written as hex, whose digits become zeroes; undefined, and untouched, if it is anything else. */
function takeHex(digits: Uint8Array): Secret | undefined {
  if (digits.length === 0 || digits.length % 2 !== 0) return undefined;
  if (!digits.every((byte) => nibble(byte) >= 0)) return undefined;
  const secret = new Secret(digits.length / 2);
  for (let at = 0; at < secret.length; at++)
    secret.bytes[at] = nibble(digits[2 * at] ?? 0) * 16 + nibble(digits[2 * at + 1] ?? 0);
  digits.fill(ZERO);
  return secret;
}

function nibble(digit: number): number {
  if (digit >= 0x30 && digit <= 0x39) return digit - 0x30;
  const letter = digit | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** The first words, separated by white space. */
function words(bytes: Uint8Array, count: number): Word[] {
  const found: Word[] = [];
  for (let at = 0; found.length < count; ) {
    while (at < bytes.length && isSpace(bytes[at])) at++;
    const start = at;
    while (at < bytes.length && !isSpace(bytes[at])) at++;
    if (start === at) break;
    found.push({ start, end: at });
  }
  return found;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}
