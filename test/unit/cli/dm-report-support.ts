import { FieldCatalogue } from '../../../src/cli/dm/report/catalogue.ts';
import { Report, type ReportRequest } from '../../../src/cli/dm/report/report.ts';
import { type ReportHelp, ReportUsageError } from '../../../src/cli/dm/report/usage-error.ts';
import type { Dependency, DeviceInfo } from '../../../src/daemon/request.ts';

const MAJOR = 254;

/** A disk below, as tables of the kernel name it. */
export function loop(minor: number): Dependency {
  return { label: `7:${minor}`, name: `loop${minor}`, numbers: { major: 7, minor } };
}

/** A mapped device below. */
export function below({ major, minor, name }: DeviceInfo): Dependency {
  return { label: `${major}:${minor}`, name, numbers: { major, minor } };
}

/** A mapped device with a live table, unless something else is said. */
export function device(name: string, minor: number, facts: Partial<DeviceInfo> = {}): DeviceInfo {
  return {
    name,
    minor,
    uuid: '',
    major: MAJOR,
    pid: 1,
    common: true,
    size: 4096,
    readOnly: false,
    suspended: false,
    tables: { live: true, inactive: false },
    openCount: 0,
    eventNumber: 0,
    targetCount: 1,
    targetTypes: ['linear'],
    closeDeferred: false,
    readAhead: 256,
    dependencies: [],
    table: '',
    uris: [],
    socket: '',
    export: { kind: 'socket' },
    shortcomings: [],
    description: {},
    ...facts,
  };
}

/** A row of reports in tests of what reports are like whatever they are about. */
export interface Fruit {
  readonly name: string;
  readonly count: number | bigint;
  /** Sectors. */
  readonly size: number;
}

/** Fields of each type, in two sections and three kinds. */
export const FRUIT = new FieldCatalogue<Fruit>([
  {
    title: 'Fruit',
    kind: 'fruit',
    fields: [
      { id: 'name', heading: 'Name', type: 'string', width: 6, help: 'Name.', value: ({ name }) => name },
      {
        id: 'item_count',
        heading: 'Count',
        type: 'number',
        width: 3,
        help: 'Number.',
        value: ({ count }) => count,
      },
      {
        id: 'rank',
        heading: 'R',
        type: 'string',
        width: 3,
        align: 'right',
        help: 'Rank.',
        kind: 'rank',
        value: ({ count }) => (count > 1 ? 'high' : 'l'),
      },
    ],
  },
  {
    title: 'Extent',
    kind: 'extent',
    fields: [
      {
        id: 'size',
        heading: 'Size',
        type: 'size',
        width: 4,
        help: 'Size.',
        value: ({ size }) => ({ text: `${size / 2}k`, key: size }),
      },
    ],
  },
]);

const FRUITS: readonly Fruit[] = [
  { name: 'pear', count: 2, size: 2048 },
  { name: 'apple', count: 10, size: 2 },
  { name: 'fig', count: 2, size: 4 },
  { name: 'an orange', count: 0, size: 1 },
];

const ALIGNED: ReportRequest['layout'] = {
  aligned: true,
  headings: true,
  separator: ' ',
  prefixes: false,
  quoted: true,
  fieldsAsRows: false,
};

/** Without headings and blanks. */
export const PLAIN: ReportRequest['layout'] = {
  ...ALIGNED,
  aligned: false,
  headings: false,
  separator: ':',
};

export type Wanted = Partial<Omit<ReportRequest, 'layout'>> & { layout?: Partial<ReportRequest['layout']> };

export function fruitReport(wanted: Wanted, rows: readonly Fruit[] = FRUITS): Report<Fruit> {
  const report = new Report(FRUIT, {
    fields: wanted.fields ?? 'name,item_count',
    sort: wanted.sort ?? '',
    select: wanted.select ?? '',
    kinds: wanted.kinds ?? [],
    layout: { ...ALIGNED, ...wanted.layout },
  });
  for (const row of rows) report.add(row);
  return report;
}

/** The names in the rows of a report on fruit. */
export function fruits(wanted: Wanted): string[] {
  const text = fruitReport({ fields: 'name', layout: PLAIN, ...wanted }).text();
  return text.split('\n').slice(0, -1);
}

/** What a report is refused with. */
export function refusalOf(wanted: Wanted): { code: string; message: string; help: readonly ReportHelp[] } {
  try {
    fruitReport(wanted);
  } catch (error) {
    if (!(error instanceof ReportUsageError)) throw error;
    return { code: error.code, message: error.message, help: error.help };
  }
  throw new Error('the report was not refused');
}
