/** How a report is laid out; the options of the command line decide. */
export interface ReportLayout {
  /** Every column as wide as what is widest in it. */
  readonly aligned: boolean;
  readonly headings: boolean;
  /** What stands between columns. */
  readonly separator: string;
  /** `DM_NAME='value'` in place of the value. */
  readonly prefixes: boolean;
  /** The value of a prefixed field is in quotes. */
  readonly quoted: boolean;
  /** A line a field in place of a line a row. */
  readonly fieldsAsRows: boolean;
}

export interface Column {
  readonly id: string;
  readonly heading: string;
  readonly width: number;
  readonly right: boolean;
}

/** @returns lines, each ended; '' where there is no row: then there are no headings either */
export function layOut(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  layout: ReportLayout,
): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row) =>
    row.map((text, at) => (layout.prefixes ? prefixed(columns[at]?.id ?? '', text, layout.quoted) : text)),
  );
  const lines = layout.headings ? [columns.map(({ heading }) => heading), ...cells] : cells;
  const table = layout.fieldsAsRows ? transposed(lines, columns.length) : lines;
  const padded = layout.aligned ? aligned(table, columns, layout.headings) : table;
  return padded.map((line) => `${line.join(layout.separator)}\n`).join('');
}

function prefixed(id: string, text: string, quoted: boolean): string {
  return `DM_${id.toUpperCase()}=${quoted ? `'${text}'` : text}`;
}

/** Headings stand left, whatever is below them. Widths count bytes, as libdevmapper does. */
function aligned(
  lines: readonly (readonly string[])[],
  columns: readonly Column[],
  headings: boolean,
): string[][] {
  const widths = columns.map(({ width }, at) =>
    lines.reduce((most, line) => Math.max(most, Buffer.byteLength(line[at] ?? '')), width),
  );
  return lines.map((line, number) =>
    line.map((text, at) => {
      const padding = ' '.repeat((widths[at] ?? 0) - Buffer.byteLength(text));
      const right = columns[at]?.right && !(headings && number === 0);
      return right ? padding + text : text + padding;
    }),
  );
}

function transposed(lines: readonly (readonly string[])[], width: number): string[][] {
  return Array.from({ length: width }, (_, at) => lines.map((line) => line[at] ?? ''));
}
