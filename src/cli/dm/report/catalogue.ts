import type { FieldSection, ReportField } from './field.ts';

/** A field of a report, with the kind of what it is about. */
export interface CatalogueField<Row> extends ReportField<Row> {
  readonly kind: string;
}

/** Of the fields that every report has: whether the row meets the selection. */
const SELECTED = 'selected';
const SPECIAL = 'special';
const SPECIAL_TITLE = 'Special';

/** All fields that a report can have, by section. */
export class FieldCatalogue<Row> {
  readonly sections: readonly FieldSection<Row>[];
  readonly fields: readonly CatalogueField<Row>[];
  /** What `-o selected` means. */
  readonly selected: CatalogueField<Row> = {
    id: SELECTED,
    heading: 'Selected',
    type: 'number',
    width: 8,
    help: 'Whether the row meets the selection: 1 or 0.',
    kind: SPECIAL,
    // While rows are selected, none has been found wanting.
    value: () => 1,
  };

  readonly #byName: ReadonlyMap<string, CatalogueField<Row>>;

  constructor(sections: readonly FieldSection<Row>[]) {
    this.sections = sections;
    this.fields = sections.flatMap(({ kind, fields }) => fields.map((field) => ({ kind, ...field })));
    this.#byName = new Map([...this.fields, this.selected].map((field) => [canonical(field.id), field]));
  }

  find(name: string): CatalogueField<Row> | undefined {
    return this.#byName.get(canonical(name));
  }

  /**
   * What stands for several fields: `KIND_all`, or `all` for the kinds that the report is about so far, every kind
   * where it is about none yet.
   *
   * @returns undefined when the name is none of these
   */
  expand(name: string, kinds: ReadonlySet<string>): readonly CatalogueField<Row>[] | undefined {
    const wanted = canonical(name);
    if (wanted === 'all')
      return kinds.size === 0 ? this.fields : this.fields.filter(({ kind }) => kinds.has(kind));
    const fields = this.fields.filter(({ kind }) => canonical(`${kind}_all`) === wanted);
    return fields.length === 0 ? undefined : fields;
  }

  /** Everything that help lists, the special fields last. `help` and `?` can only be asked for. */
  get help(): readonly HelpSection[] {
    const help = { help: 'Show this list.' };
    return [
      ...this.sections,
      { title: SPECIAL_TITLE, fields: [this.selected, { id: 'help', ...help }, { id: '?', ...help }] },
    ];
  }
}

interface HelpSection {
  readonly title: string;
  readonly kind?: string;
  readonly fields: readonly { readonly id: string; readonly help: string; readonly type?: string }[];
}

/** Whether a name in a list of fields asks for help. */
export function isHelp(name: string): boolean {
  const wanted = canonical(name);
  return wanted === 'help' || wanted === '?';
}

/** Names are the same whatever their case and wherever they have underscores. */
function canonical(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}
