import { TscryptError } from '../errors.ts';
import { SECTOR_SIZE } from '../units.ts';
import { withSecrets } from './secrets.ts';
import type { TableLine, TableSpec } from './spec.ts';

/** Longest device this program counts in bytes without rounding. */
const MAX_SECTORS = Math.floor(Number.MAX_SAFE_INTEGER / SECTOR_SIZE);

/**
 * Reads a table as `dmsetup create` does: one target a line, `<start> <length> <type> <args>`; blank
 * lines are skipped, `#` starts a comment. A backslash quotes the next character (`\ `, `\#`, `\\`).
 * The hex key of a `crypt` line becomes a {@link Secret}; see {@link disposeTable}.
 *
 * @throws TscryptError INVALID_FORMAT with `details.line` (counted from 1) and `details.field`
 */
export function parseTable(text: string): TableSpec {
  const lines: TableLine[] = [];
  text.split('\n').forEach((line, index) => {
    const parsed = parseTableLine(line, index + 1);
    if (parsed) lines.push(parsed);
  });
  return lines;
}

/**
 * One line of a table; undefined for a blank line or a comment.
 *
 * @param number line number for error messages, counted from 1
 * @throws TscryptError INVALID_FORMAT
 */
export function parseTableLine(text: string, number = 1): TableLine | undefined {
  const [start, length, type, ...args] = splitWords(text, true);
  if (start === undefined) return undefined;
  if (length === undefined || type === undefined) {
    throw new TscryptError('INVALID_FORMAT', `Invalid format on line ${number} of table`, {
      details: {
        structure: 'table',
        line: number,
        field: length === undefined ? 'length' : 'type',
        expected: '<start> <length> <type> <args>',
      },
    });
  }
  const line: TableLine = {
    start: sectors(start, 'start', number),
    length: sectors(length, 'length', number),
    type,
    args,
  };
  if (line.start + line.length > MAX_SECTORS) throw tooLarge('length', number, length);
  return withSecrets(line);
}

function sectors(word: string, field: string, line: number): number {
  if (!/^\d+$/.test(word)) {
    throw new TscryptError(
      'INVALID_FORMAT',
      `Invalid format on line ${line} of table: ${field} is no number`,
      {
        details: { structure: 'table', line, field, expected: 'a number of sectors' },
      },
    );
  }
  const value = Number(word);
  if (value > MAX_SECTORS) throw tooLarge(field, line, word);
  return value;
}

function tooLarge(field: string, line: number, found: string): TscryptError {
  return new TscryptError('INVALID_FORMAT', `${field} on line ${line} of table is too large`, {
    details: { structure: 'table', line, field, expected: `at most ${MAX_SECTORS} sectors`, found },
  });
}

/**
 * Splits arguments at white space the way the kernel's `dm_split_args` does: a backslash quotes the
 * next character, whatever it is; a backslash at the very end stands for itself.
 */
export function splitArgs(text: string): string[] {
  return splitWords(text, false);
}

function splitWords(text: string, comments: boolean): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === '\\' && i + 1 < text.length) {
      word = (word ?? '') + text.charAt(++i);
    } else if (isSpace(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (comments && char === '#') {
      break;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** `isspace()` of the C locale: what separates the words of a table. */
export function isSpace(char: string): boolean {
  return char === ' ' || (char >= '\t' && char <= '\r');
}
