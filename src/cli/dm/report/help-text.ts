import type { FieldCatalogue } from './catalogue.ts';
import type { ReportHelp } from './usage-error.ts';

/** A blank line of these lists is not empty. */
const BLANK = ' ';

/** The lists that were asked for or that go with an error; ends with a line that is blank. */
export function reportHelpText<Row>(catalogue: FieldCatalogue<Row>, lists: readonly ReportHelp[]): string {
  return lists
    .flatMap((list) => (list === 'operators' ? operatorLines() : fieldLines(catalogue, list === 'types')))
    .join('\n');
}

/** @param typed with the types of the fields, for selections, which know no `KIND_all` */
function fieldLines<Row>(catalogue: FieldCatalogue<Row>, typed: boolean): string[] {
  const sections = catalogue.help;
  const width = Math.max(...sections.flatMap(({ fields }) => fields.map(({ id }) => id.length)));
  const line = (id: string, help: string): string => `  ${id.padEnd(width)} - ${help}`;
  return sections.flatMap(({ title, kind, fields }) => [
    ...headingLines(`${title} Fields`),
    ...(typed || kind === undefined ? [] : [line(`${kind}_all`, 'All fields of this section.')]),
    ...fields.map(({ id, help, type = 'unselectable number' }) =>
      line(id, typed ? `${help} [${type}]` : help),
    ),
    BLANK,
  ]);
}

function headingLines(heading: string): string[] {
  return [heading, '-'.repeat(heading.length)];
}

const OPERANDS = [
  ['field', 'The name of a field.'],
  ['number', 'A whole number, not negative.'],
  ['size', 'A number with a unit behind it; without one it is in mebibytes (m).'],
  ['string', 'Characters, in \' or " if there are blanks or operators among them.'],
  ['regular expression', 'As a string; ( ), [ ] and { } quote it too.'],
] as const;

const COMPARISONS = [
  ['=~', 'Matches the regular expression. [string]'],
  ['!~', 'Does not match the regular expression. [string]'],
  ['=', 'Is the same. [number, size, string]'],
  ['!=', 'Is not the same. [number, size, string]'],
  ['>=', 'Is greater or the same. [number, size]'],
  ['>', 'Is greater. [number, size]'],
  ['<=', 'Is less or the same. [number, size]'],
  ['<', 'Is less. [number, size]'],
] as const;

const LOGIC = [
  ['&&', 'Both hold.'],
  [',', 'Both hold.'],
  ['||', 'One of both holds.'],
  ['#', 'One of both holds.'],
  ['!', 'Does not hold; what is in parentheses follows.'],
  ['(', 'Left parenthesis.'],
  [')', 'Right parenthesis.'],
] as const;

function operatorLines(): string[] {
  const operator = ([sign, help]: readonly [string, string]): string => `  ${sign.padStart(8)}  - ${help}`;
  return [
    ...headingLines('Selection operands'),
    ...OPERANDS.map(([name, help]) => `  ${name.padEnd(18)}  - ${help}`),
    BLANK,
    ...headingLines('Selection operators'),
    '  Comparison operators:',
    ...COMPARISONS.map(operator),
    BLANK,
    '  Logical and grouping operators:',
    ...LOGIC.map(operator),
    BLANK,
  ];
}
