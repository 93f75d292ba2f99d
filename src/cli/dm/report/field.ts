/** How a field compares in selections, and on which side of its column it stands unless it says so. */
export type FieldType = 'string' | 'number' | 'size';

/** What rows are sorted and selected by; of a size it is sectors. */
export type FieldKey = string | number | bigint;

/** What a field shows of a row, and what it is sorted and selected by where that is something else. */
export type FieldValue = FieldKey | { readonly text: string; readonly key: FieldKey };

/** A column that reports can have. */
export interface ReportField<Row> {
  /** As in `-o`; underscores and case do not count there. */
  readonly id: string;
  readonly heading: string;
  readonly type: FieldType;
  /** Columns it takes at least. */
  readonly width: number;
  /** Default: right for numbers and sizes. */
  readonly align?: 'left' | 'right';
  readonly help: string;
  /** The kind of what it is about, where that is not its section's. */
  readonly kind?: string;
  value(row: Row): FieldValue;
}

/** Fields that help lists together. */
export interface FieldSection<Row> {
  readonly title: string;
  /** `KIND_all` means all fields of a kind. */
  readonly kind: string;
  readonly fields: readonly ReportField<Row>[];
}

/** A field's value, taken apart. */
export interface Cell {
  readonly text: string;
  readonly key: FieldKey;
}

export function cell(value: FieldValue): Cell {
  return typeof value === 'object' ? value : { text: String(value), key: value };
}

/** Texts by their bytes, as strcmp(3), numbers by value. */
export function compareKeys(a: FieldKey, b: FieldKey): number {
  if (typeof a === 'string' || typeof b === 'string')
    return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
  return a < b ? -1 : a > b ? 1 : 0;
}
