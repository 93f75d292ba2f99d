import { Secret } from '../../crypto/secret.ts';
import { TscryptError } from '../../errors.ts';
import { parseTableLine } from '../../table/parse.ts';
import { disposeTable } from '../../table/secrets.ts';
import type { TableLine, TableSpec } from '../../table/spec.ts';
import { refusal } from './failure.ts';
import { type Input, inputOf, readInput } from './input.ts';
import { takeKey } from './key-text.ts';
import type { DmOptions } from './options.ts';

/** DM_MAX_TYPE_NAME of dm-ioctl.h, with the NUL byte. */
const MAX_TYPE_NAME = 16;
const NEWLINE = 0x0a;

/**
 * The table of `create` and `load`: the text of --table, else the file, else standard input. The caller disposes
 * of it (`disposeTable`).
 *
 * @throws TscryptError INVALID_ARGUMENT in dmsetup's words
 */
export async function readTable(options: DmOptions, file: string | undefined): Promise<TableSpec> {
  const text = options.table;
  using input: Input = text === undefined ? await readInput(file) : inputOf(text);
  return parseTableBytes(input.bytes, text === undefined ? (file ?? 'on stdin') : '');
}

/**
 * Reads a table without making a string of a crypt target's key. In `bytes`, which stay the caller's, the keys
 * are zeroes afterwards.
 *
 * @param source where it comes from, for messages
 */
export function parseTableBytes(bytes: Uint8Array<ArrayBuffer>, source: string): TableSpec {
  const lines: TableLine[] = [];
  try {
    for (let start = 0, number = 1; start < bytes.length; number++) {
      const newline = bytes.indexOf(NEWLINE, start);
      const end = newline < 0 ? bytes.length : newline;
      const line = parseLine(bytes.subarray(start, end), number, source);
      if (line) lines.push(line);
      start = end + 1;
    }
    return lines;
  } catch (error) {
    disposeTable(lines);
    throw error;
  }
}

function parseLine(bytes: Uint8Array<ArrayBuffer>, number: number, source: string): TableLine | undefined {
  const key = takeKey(bytes);
  try {
    const line = parse(bytes, number, source);
    if (!line || !key) return line;
    const args = line.args.map((arg) => {
      if (!(arg instanceof Secret)) return arg;
      // What the digits became zeroes for.
      arg.bytes.set(key.bytes);
      return arg;
    });
    return { ...line, args };
  } finally {
    key?.dispose();
  }
}

function parse(bytes: Uint8Array<ArrayBuffer>, number: number, source: string): TableLine | undefined {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replaceAll('\0', ' ');
  try {
    const line = parseTableLine(text, number);
    if (line && Buffer.byteLength(line.type) >= MAX_TYPE_NAME)
      throw refusal(`Target type name ${line.type} is too long.`);
    return line;
  } catch (error) {
    if (!(error instanceof TscryptError) || error.code !== 'INVALID_FORMAT') throw error;
    // A number that is too large is for the kernel to refuse.
    if (error.details.found !== undefined)
      throw new TscryptError('INVALID_ARGUMENT', 'too large device', { details: { line: number } });
    throw refusal(`Invalid format on line ${number} of table ${source}.`);
  }
}
