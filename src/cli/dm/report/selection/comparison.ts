import { type CatalogueField, type FieldCatalogue, isHelp } from '../catalogue.ts';
import { ReportUsageError } from '../usage-error.ts';
import type { Condition, Ordering } from './condition.ts';
import { type Cursor, syntaxError } from './cursor.ts';
import { Regex } from './regex.ts';
import { numberValue, scanNumber } from './value.ts';

/** Those that begin another one stand behind it. */
const OPERATORS = ['=~', '!~', '=', '!=', '>=', '>', '<=', '<', 'since', 'after', 'until', 'before'] as const;
type Operator = (typeof OPERATORS)[number];

const STRING_QUOTES = { '"': '"', "'": "'" };
const REGEX_QUOTES = { ...STRING_QUOTES, '(': ')', '[': ']', '{': '}' };

/**
 * Reads one comparison: field, operator, value.
 *
 * @param warnings gets what is used although something is wrong with it
 * @throws ReportUsageError
 */
export function parseComparison<Row>(
  catalogue: FieldCatalogue<Row>,
  cursor: Cursor,
  warnings: string[],
): Condition<Row> {
  cursor.skipBlanks();
  const start = cursor.rest;
  const field = takeField(catalogue, cursor);
  const operator = cursor.take(OPERATORS) as Operator | undefined;
  if (operator === undefined)
    throw syntaxError(`Unrecognised comparison operator: ${cursor.rest}`, start, ['operators']);
  checkOperator(operator, field.type, start);
  cursor.skipBlanks();
  if (operator === '=~' || operator === '!~') {
    const regex = takeRegex(cursor, field, start);
    warnings.push(...regex.complaints);
    return { test: 'regex', field, regex, matches: operator === '=~' };
  }
  if (field.type === 'string') {
    const text = cursor.string(STRING_QUOTES);
    if (text === undefined) throw notClosed('string', field.id, start);
    return { test: 'text', field, text, same: operator === '=' };
  }
  return takeNumber(cursor, field, operator as Ordering, start);
}

function takeField<Row>(catalogue: FieldCatalogue<Row>, cursor: Cursor): CatalogueField<Row> {
  const start = cursor.rest;
  const name = /^[\w-]+/.exec(start)?.[0];
  if (name === undefined) throw syntaxError('Expecting field name', start);
  cursor.skip(name.length);
  const field = catalogue.find(name);
  if (field) return field;
  const wrong = isHelp(name)
    ? `Selection field is uncomparable: ${name}.`
    : `Unrecognised selection field: ${name}`;
  throw syntaxError(wrong, start, ['types']);
}

function checkOperator(operator: Operator, type: string, start: string): void {
  if (/^[a-z]/.test(operator))
    throw syntaxError(`Operator can be used only with time fields: ${start}`, start, ['operators']);
  if (/^[<>]/.test(operator) && type === 'string')
    throw syntaxError(
      `Operator can be used only with number, size, time or percent fields: ${start}`,
      start,
      ['operators'],
    );
}

function takeRegex<Row>(cursor: Cursor, { id, type }: CatalogueField<Row>, start: string): Regex {
  if (cursor.rest === '') throw syntaxError(`Regular expression expected for selection field ${id}`, start);
  const expression = cursor.string(REGEX_QUOTES);
  if (expression === undefined) throw notClosed('regex', id, start);
  if (type !== 'string')
    throw new ReportUsageError(`dm_report: incompatible comparison type for selection field ${id}`);
  const regex = Regex.from(expression);
  if (regex instanceof Regex) return regex;
  const failure = `dm_report: failed to create regex matcher for selection field ${id}`;
  throw new ReportUsageError([...regex, 'Parse error in regex', "Couldn't parse regex", failure].join('\n'));
}

function takeNumber<Row>(
  cursor: Cursor,
  field: CatalogueField<Row>,
  operator: Ordering,
  start: string,
): Condition<Row> {
  const { id, type } = field;
  const token = scanNumber(cursor.rest);
  if (!token) throw syntaxError(`Failed to parse numeric value for selection field ${id}.`, start);
  const expected = type === 'size' ? 'size' : 'numeric';
  if (token.unit === '%')
    throw syntaxError(`Found percent value but ${expected} value expected for selection field ${id}.`, start);
  if (token.unit !== undefined && type === 'number')
    throw syntaxError(
      `Found size unit specifier but numeric value expected for selection field ${id}.`,
      start,
    );
  const value = numberValue(token, type);
  if (!value)
    throw new ReportUsageError(
      `Field selection value ${token.digits} out of supported range for field ${id}.`,
    );
  cursor.skip(token.length);
  return { test: 'number', field, operator, value };
}

function notClosed(what: 'string' | 'regex', id: string, start: string): ReportUsageError {
  return syntaxError(`Missing end quote.\nFailed to parse ${what} value for selection field ${id}.`, start);
}
