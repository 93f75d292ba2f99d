import { type CatalogueField, type FieldCatalogue, isHelp } from './catalogue.ts';
import { ReportUsageError } from './usage-error.ts';

export interface FieldList<Row> {
  readonly fields: readonly CatalogueField<Row>[];
  readonly wantsHelp: boolean;
}

export interface SortKey<Row> {
  readonly field: CatalogueField<Row>;
  readonly descending: boolean;
}

export interface SortList<Row> {
  readonly keys: readonly SortKey<Row>[];
  readonly wantsHelp: boolean;
  /** What was passed over. */
  readonly warnings: readonly string[];
}

/**
 * Reads `-o`: names separated by commas.
 *
 * @param kinds what the report is about whatever its fields, for `all`
 * @throws ReportUsageError
 */
export function readFieldList<Row>(
  catalogue: FieldCatalogue<Row>,
  text: string,
  kinds: readonly string[],
): FieldList<Row> {
  const about = new Set(kinds);
  const fields: CatalogueField<Row>[] = [];
  let wantsHelp = false;
  for (const name of names(text)) {
    if (isHelp(name)) {
      wantsHelp = true;
      continue;
    }
    const found = catalogue.find(name);
    const several = found === undefined ? catalogue.expand(name, about) : [found];
    if (several === undefined) throw new ReportUsageError(`Unrecognised field: ${name}`, ['fields']);
    for (const field of several) {
      fields.push(field);
      about.add(field.kind);
    }
  }
  return { fields, wantsHelp };
}

/**
 * Reads `-O`: names separated by commas, each with `+` (the default) or `-` (descending) before it.
 *
 * @throws ReportUsageError
 */
export function readSortList<Row>(catalogue: FieldCatalogue<Row>, text: string): SortList<Row> {
  const keys: SortKey<Row>[] = [];
  const warnings: string[] = [];
  let wantsHelp = false;
  for (const word of names(text)) {
    const sign = /^[+-]/.exec(word)?.[0] ?? '';
    const name = word.slice(sign.length);
    if (isHelp(name)) {
      wantsHelp = true;
      continue;
    }
    const field = catalogue.find(name);
    if (!field) {
      const missing = sign !== '' && name === '' ? 'dm_report: Missing sort field name\n' : '';
      throw new ReportUsageError(`${missing}dm_report: Unrecognised field: ${word}`, ['fields']);
    }
    if (keys.some((key) => key.field === field))
      warnings.push(`dm_report: Ignoring duplicate sort field: ${field.id}.`);
    else keys.push({ field, descending: sign === '-' });
  }
  return { keys, wantsHelp, warnings };
}

/** Commas in a row, or before the first name, count as one; behind the last one a name is missing. */
function names(text: string): string[] {
  return text === '' ? [] : text.replace(/^,+(?=[^,])/, '').split(/,+/);
}
