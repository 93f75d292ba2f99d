import type { CatalogueField, FieldCatalogue } from './catalogue.ts';
import { type Cell, cell, compareKeys, type FieldKey } from './field.ts';
import { readFieldList, readSortList, type SortKey } from './field-list.ts';
import { type Column, layOut, type ReportLayout } from './layout.ts';
import { fieldsOf, holds } from './selection/condition.ts';
import { parseSelection, type Selection } from './selection/parser.ts';
import { type ReportHelp, ReportHelpWanted } from './usage-error.ts';

/** What a report shows, as the command line says it. */
export interface ReportRequest {
  /** `-o` */
  readonly fields: string;
  /** `-O` */
  readonly sort: string;
  /** `-S` */
  readonly select: string;
  /** Kinds of fields that it is about anyhow, for `-o all`. */
  readonly kinds: readonly string[];
  readonly layout: ReportLayout;
}

type Cells<Row> = ReadonlyMap<CatalogueField<Row>, Cell>;

/**
 * A table of fields, as libdevmapper's reports are: rows are given one after the other, those that do not meet the
 * selection are left out (with the field `selected` they are marked instead), and the rest is sorted and printed.
 */
export class Report<Row> {
  /** What is wrong with the command line without keeping the report from being made. */
  readonly warnings: readonly string[];

  readonly #request: ReportRequest;
  readonly #columns: readonly CatalogueField<Row>[];
  readonly #sort: readonly SortKey<Row>[];
  readonly #selection: Selection<Row> | undefined;
  readonly #selected: CatalogueField<Row>;
  /** Columns, and what is sorted or selected by without being shown. */
  readonly #fields: ReadonlySet<CatalogueField<Row>>;
  #rows: Cells<Row>[] = [];

  /** @throws ReportUsageError, ReportHelpWanted */
  constructor(catalogue: FieldCatalogue<Row>, request: ReportRequest) {
    const list = readFieldList(catalogue, request.fields, request.kinds);
    const sort = readSortList(catalogue, request.sort);
    const wanted: ReportHelp[] = list.wantsHelp || sort.wantsHelp ? ['fields'] : [];
    try {
      this.#selection = parseSelection(catalogue, request.select);
    } catch (error) {
      throw error instanceof ReportHelpWanted ? new ReportHelpWanted([...wanted, ...error.help]) : error;
    }
    if (wanted.length > 0) throw new ReportHelpWanted(wanted);
    this.#request = request;
    this.#columns = list.fields;
    this.#sort = sort.keys;
    this.#selected = catalogue.selected;
    this.warnings = [...sort.warnings, ...(this.#selection?.warnings ?? [])];
    this.#fields = new Set([
      ...list.fields,
      ...sort.keys.map(({ field }) => field),
      ...(this.#selection ? fieldsOf(this.#selection.condition) : []),
    ]);
  }

  /** Whether a field of that kind is shown, sorted or selected by: what rows stand for depends on it. */
  isAbout(kind: string): boolean {
    return [...this.#fields].some((field) => field.kind === kind);
  }

  add(row: Row): void {
    const cells = new Map([...this.#fields].map((field) => [field, cell(field.value(row))]));
    const condition = this.#selection?.condition;
    const selected = !condition || holds(condition, (field) => keyOf(cells, field));
    if (this.#columns.includes(this.#selected)) cells.set(this.#selected, cell(selected ? 1 : 0));
    else if (!selected) return;
    this.#rows.push(cells);
  }

  /** Forgets the rows; the same report can then be made again. */
  clear(): void {
    this.#rows = [];
  }

  /** @returns lines, each ended; '' where there is no row */
  text(): string {
    const columns = this.#columns.map(column);
    return layOut(
      columns,
      this.#sorted().map((cells) => this.#columns.map((field) => cells.get(field)?.text ?? '')),
      this.#request.layout,
    );
  }

  /** The rows by field name: numbers and sizes (in sectors) as numbers, all else as text. */
  json(): Record<string, string | number>[] {
    return this.#sorted().map((cells) =>
      Object.fromEntries(this.#columns.map((field) => [field.id, jsonOf(cells.get(field))])),
    );
  }

  #sorted(): readonly Cells<Row>[] {
    if (this.#sort.length === 0) return this.#rows;
    return [...this.#rows].sort((a, b) => {
      for (const { field, descending } of this.#sort) {
        const order = compareKeys(keyOf(a, field), keyOf(b, field));
        if (order !== 0) return descending ? -order : order;
      }
      return 0;
    });
  }
}

function keyOf<Row>(cells: Cells<Row>, field: CatalogueField<Row>): FieldKey {
  return cells.get(field)?.key ?? '';
}

function column<Row>({ id, heading, width, align, type }: CatalogueField<Row>): Column {
  return { id, heading, width, right: (align ?? (type === 'string' ? 'left' : 'right')) === 'right' };
}

function jsonOf(value: Cell | undefined): string | number {
  if (value === undefined) return '';
  return typeof value.key === 'string' ? value.text : Number(value.key);
}
