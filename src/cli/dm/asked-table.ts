import { isNbdUri } from '../../block/nbd/uri.ts';
import { deviceTable, listDevices } from '../../daemon/devices.ts';
import type { Dependency, DeviceInfo } from '../../daemon/request.ts';
import { dependency } from '../../daemon/table-names.ts';
import { formatMinor } from '../../dm/device-numbers.ts';
import type { TableSpec } from '../../table/spec.ts';
import type { DmContext } from './command.ts';
import { dependenciesOf } from './graph.ts';

/** What there is to say of a table. */
export interface TableFacts {
  readonly targetCount: number;
  /** Each once. */
  readonly targetTypes: readonly string[];
  /** As Linux lists them: the one that was opened last comes first. */
  readonly dependencies: readonly Dependency[];
}

/** The table that the command line asks about: the live one, or with --inactive the one that was loaded. */
export async function askedTable({ options }: DmContext, device: DeviceInfo): Promise<TableFacts> {
  if (!options.inactive) return { ...device, dependencies: dependenciesOf(device) };
  const table = device.tables.inactive ? await deviceTable(device.name, { inactive: true }) : [];
  return {
    targetCount: table.length,
    targetTypes: [...new Set(table.map(({ type }) => type))],
    dependencies: await devicesIn(table),
  };
}

/** A loaded table is known by what it prints, where every device has a form that nothing else has. */
async function devicesIn(table: TableSpec): Promise<Dependency[]> {
  const words = table.flatMap(({ args }) => args.filter((arg) => typeof arg === 'string'));
  const labels = [...new Set(words.filter(isLabel))].reverse();
  if (labels.length === 0) return [];
  const devices = await listDevices();
  const nameOf = new Map(devices.map(({ name, minor }) => [formatMinor(minor), name]));
  return labels.map((label) => dependency(label, () => nameOf.get(label)));
}

function isLabel(word: string): boolean {
  return word.startsWith('/') || /^\d+:\d+$/.test(word) || isNbdUri(word);
}
