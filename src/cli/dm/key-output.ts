import { randomUUID } from 'node:crypto';
import { Secret } from '../../crypto/secret.ts';
import { quoteArg } from '../../table/format.ts';
import type { TableArg, TableLine } from '../../table/spec.ts';
import { type Ui, writeBytes } from '../ui.ts';

/** Text in pieces, among which keys stand, to be shown as hex. */
export type KeyText = readonly TableArg[];

const HEX = new TextEncoder().encode('0123456789abcdef');
/** A line of a table as {@link formatTableLine} prints it with keys. */
export function tableLineText({ start, length, type, args }: TableLine): KeyText {
  const text: TableArg[] = [`${start} ${length} ${type} `];
  for (const [index, arg] of args.entries()) {
    if (index > 0) text.push(' ');
    text.push(arg instanceof Secret ? (arg.length === 0 ? '-' : arg) : quoteArg(arg));
  }
  return text;
}

/** What `JSON.stringify` makes of a value in which keys stand in the place of strings. */
export function jsonText(value: unknown): KeyText {
  const keys: Secret[] = [];
  // Stands for a key while this is text.
  const mark = randomUUID();
  const text = JSON.stringify(
    value,
    function (this: Record<string, unknown>, name: string, written: unknown) {
      // Secrets have a toJSON, which comes before.
      const held = this[name];
      if (!(held instanceof Secret)) return written;
      keys.push(held);
      return mark;
    },
    2,
  );
  return text.split(mark).flatMap((piece, index) => {
    const key = keys[index - 1];
    return key === undefined ? [piece] : [key, piece];
  });
}

/** Prints a line. Of keys in it no string is made. */
export function printKeyText(text: KeyText, ui: Ui): void {
  if (text.some((piece) => piece instanceof Secret)) printKeys(text);
  else ui.print(text.join(''));
}

function printKeys(text: KeyText): void {
  const pieces = text.map((piece) => (piece instanceof Secret ? piece : new TextEncoder().encode(piece)));
  const lengths = pieces.map((piece) => (piece instanceof Secret ? 2 * piece.length : piece.length));
  using line = new Secret(lengths.reduce((sum, length) => sum + length, 1));
  let at = 0;
  for (const piece of pieces) {
    if (piece instanceof Secret) at = putHex(piece.bytes, line.bytes, at);
    else {
      line.bytes.set(piece, at);
      at += piece.length;
    }
  }
  line.bytes[at++] = 0x0a;
  try {
    writeBytes(line.bytes.subarray(0, at));
  } catch (error) {
    // A reader that went away ends the output, as for what is printed as text.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}

function putHex(bytes: Uint8Array, into: Uint8Array, start: number): number {
  let at = start;
  for (const byte of bytes) {
    into[at++] = HEX[byte >> 4] ?? 0;
    into[at++] = HEX[byte & 15] ?? 0;
  }
  return at;
}
