import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { ArgumentReader, type DeviceArg, deviceArg, refuse, sectorArg } from '../arguments.ts';

/**
 * `switch <#paths> <region size> <#optional arguments> {<device> <offset>}…`, of which no optional ones exist
 * (Documentation/admin-guide/device-mapper/switch.rst).
 */
export interface SwitchArguments {
  /** Sectors. */
  readonly regionSize: number;
  readonly paths: readonly SwitchPath[];
}

export interface SwitchPath {
  readonly below: DeviceArg;
  /** Sector of the device where the target's first one lies. */
  readonly offset: number;
}

const U32_MAX = 2 ** 32 - 1;
/** As many as the kernel's structure for them fits into one allocation (4 MiB, 16 bytes a path). */
const MAX_PATHS = 262_141;

export async function parseSwitchArguments(
  line: TableLine,
  context: TargetContext,
): Promise<SwitchArguments> {
  const reader = new ArgumentReader(line.args);
  const count = reader.number(1, MAX_PATHS, 'Invalid number of paths');
  const regionSize = reader.number(1, U32_MAX, 'Invalid region size');
  // The group is not optional, although all of its members would be.
  reader.number(0, 0, 'Invalid number of optional args');
  if (reader.left !== 2 * count) refuse('Incorrect number of path arguments');
  const paths: SwitchPath[] = [];
  for (let i = 0; i < count; i++) {
    const below = await deviceArg(reader.next(), context);
    paths.push({ below, offset: offsetArg(reader.next()) });
  }
  return { regionSize, paths };
}

/** The kernel's `kstrtoull`, to which a `+` is no harm. */
function offsetArg(arg: TableArg | undefined): number {
  const word = typeof arg === 'string' ? arg.replace(/^\+(?=\d)/, '') : arg;
  return sectorArg(word, 'Invalid device starting offset');
}

export function formatSwitchArguments({ regionSize, paths }: SwitchArguments): readonly TableArg[] {
  const places = paths.flatMap(({ below, offset }) => [below.label, String(offset)]);
  return [String(paths.length), String(regionSize), '0', ...places];
}
