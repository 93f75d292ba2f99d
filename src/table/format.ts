import { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import { isSpace } from './parse.ts';
import { hideKey, secretToHex } from './secrets.ts';
import type { TableLine, TableSpec } from './spec.ts';

export interface TablePrintOptions {
  /** Print key material as hex. Without it keys are zeroes of the same length. */
  readonly showKeys?: boolean;
}

/** The table as text, one line a target, each ended by a newline; what {@link parseTable} reads. */
export function formatTable(table: TableSpec, options: TablePrintOptions = {}): string {
  return table.map((line) => `${formatTableLine(line, options)}\n`).join('');
}

/**
 * One target as `dmsetup table` prints it. As there, a target without arguments still has the blank
 * behind its type.
 *
 * @throws TscryptError INVALID_ARGUMENT for an empty argument, which the syntax cannot express
 */
export function formatTableLine(line: TableLine, options: TablePrintOptions = {}): string {
  const words = line.args.map((arg, index) => {
    if (!options.showKeys) return quoteArg(hideKey(line, index, arg));
    return quoteArg(arg instanceof Secret ? secretToHex(arg) : arg);
  });
  return `${line.start} ${line.length} ${line.type} ${words.join(' ')}`;
}

/**
 * One argument, quoted with backslashes where it holds white space, a backslash or a comment sign.
 *
 * @throws TscryptError INVALID_ARGUMENT when it is empty, or holds a newline (a table is read by lines)
 */
export function quoteArg(arg: string): string {
  if (arg === '' || arg.includes('\n') || arg.includes('\0')) {
    throw new TscryptError('INVALID_ARGUMENT', 'a table argument may not be empty or hold a newline', {
      details: { structure: 'table' },
    });
  }
  let text = '';
  for (const char of arg) text += isSpace(char) || char === '\\' || char === '#' ? `\\${char}` : char;
  return text;
}
