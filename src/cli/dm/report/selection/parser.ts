import { type FieldCatalogue, isHelp } from '../catalogue.ts';
import { ReportHelpWanted, ReportUsageError } from '../usage-error.ts';
import { parseComparison } from './comparison.ts';
import type { Condition } from './condition.ts';
import { Cursor, syntaxError } from './cursor.ts';

const AND = ['&&', ','];
const OR = ['||', '#'];

export interface Selection<Row> {
  readonly condition: Condition<Row>;
  readonly warnings: readonly string[];
}

/**
 * Reads `-S`: comparisons, joined by `&&` or `,` (which bind more tightly) and `||` or `#`, with parentheses and
 * `!(…)`.
 *
 * @returns undefined when every row is selected
 * @throws ReportUsageError in libdevmapper's words; ReportHelpWanted
 */
export function parseSelection<Row>(
  catalogue: FieldCatalogue<Row>,
  text: string,
): Selection<Row> | undefined {
  if (text === '') return undefined;
  if (isHelp(text)) throw new ReportHelpWanted(['types', 'operators']);
  const cursor = new Cursor(text);
  const warnings: string[] = [];
  const condition = parseOr(catalogue, cursor, warnings);
  const rest = cursor.rest.trimStart();
  if (rest !== '') throw syntaxError('Expecting logical operator', rest);
  return { condition, warnings };
}

function parseOr<Row>(catalogue: FieldCatalogue<Row>, cursor: Cursor, warnings: string[]): Condition<Row> {
  const parts = [parseAnd(catalogue, cursor, warnings)];
  while (cursor.take(OR)) parts.push(parseAnd(catalogue, cursor, warnings));
  return join('or', parts);
}

function parseAnd<Row>(catalogue: FieldCatalogue<Row>, cursor: Cursor, warnings: string[]): Condition<Row> {
  const parts = [parseTerm(catalogue, cursor, warnings)];
  while (cursor.take(AND)) parts.push(parseTerm(catalogue, cursor, warnings));
  return join('and', parts);
}

function join<Row>(test: 'and' | 'or', parts: readonly Condition<Row>[]): Condition<Row> {
  const [only, ...others] = parts;
  return only !== undefined && others.length === 0 ? only : { test, parts };
}

function parseTerm<Row>(catalogue: FieldCatalogue<Row>, cursor: Cursor, warnings: string[]): Condition<Row> {
  const negated = cursor.take(['!']);
  if (!cursor.take(['('])) {
    if (negated) throw parenthesisExpected('left', cursor.rest);
    return parseComparison(catalogue, cursor, warnings);
  }
  const part = parseOr(catalogue, cursor, warnings);
  if (!cursor.take([')'])) throw parenthesisExpected('right', cursor.rest.trimStart());
  return negated ? { test: 'not', part } : part;
}

function parenthesisExpected(which: 'left' | 'right', rest: string): ReportUsageError {
  return new ReportUsageError(`Syntax error: ${which} parenthesis expected at '${rest}'`);
}
