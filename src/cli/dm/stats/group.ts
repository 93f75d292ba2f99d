import { refusal } from '../failure.ts';
import type { StatsDevice, StatsOutput } from './device.ts';
import { programOf, type StatsOptions } from './options.ts';
import { parseRegionList } from './region-list.ts';
import { formatAuxData, groupOf, readRegions, type StatsRegion } from './regions.ts';

export interface GroupRequest {
  /** As it was given. */
  readonly regions: string;
  readonly alias: string;
  readonly programId: string | undefined;
}

/** @throws TscryptError INVALID_ARGUMENT */
export function groupRequest(options: StatsOptions): GroupRequest {
  const { regions, alias = '' } = options;
  if (regions === undefined) throw refusal('Group requires --regions.');
  if (/\s/.test(alias)) throw refusal(`Invalid alias argument: "${alias}"`);
  return { regions, alias, programId: programOf(options) };
}

/**
 * `group`: puts regions into a group.
 *
 * @returns false when it failed and has said why
 * @throws IoctlFailure there is no such device
 */
export async function groupRegions(
  device: StatsDevice,
  { regions: list, alias, programId }: GroupRequest,
  output: StatsOutput,
): Promise<boolean> {
  const regions = await readRegions(device, programId);
  const none = regions.length === 0;
  const ids = none ? undefined : parseRegionList(list);
  if (!ids)
    output.warn(none ? 'Could not create group: no regions found.' : `Could not parse list: '${list}'`);
  const group = ids && (await makeGroup(device, regions, ids, alias, output));
  if (group === undefined) {
    output.warn(`Could not create group on ${device.name}: ${list}`);
    return false;
  }
  output.result(`Grouped regions ${list} as group ID ${group} on ${device.name}`, {
    device: device.name,
    group,
    regions: ids,
    alias,
  });
  return true;
}

/** @returns the group's number; undefined when it failed and has said why */
export async function makeGroup(
  device: StatsDevice,
  regions: readonly StatsRegion[],
  ids: readonly number[],
  alias: string,
  output: StatsOutput,
): Promise<number | undefined> {
  const problem = ids.map((id) => notGroupable(regions, id)).find((text) => text !== undefined);
  const members = regions.filter(({ id }) => ids.includes(id));
  const [keeper] = members;
  if (problem !== undefined || !keeper) {
    output.warn(problem ?? 'No regions.');
    return undefined;
  }
  if (members.some((one) => bounds(one) !== bounds(keeper))) {
    output.warn('All region histogram bounds must match exactly');
    return undefined;
  }
  if (members.some(({ precise }) => precise !== keeper.precise))
    output.warn('WARNING: Grouping regions with different clock resolution: precision may be lost.');
  const overlap = overlapping(members);
  if (overlap)
    output.warn(`WARNING: region IDs ${overlap.join(' and ')} overlap. Some events will be counted twice.`);
  const auxData = formatAuxData({ userData: keeper.userData, group: { alias, members: ids } });
  try {
    await device.message('@stats_set_aux', String(keeper.id), auxData);
  } catch (error) {
    output.failure(error);
    return undefined;
  }
  return keeper.id;
}

function notGroupable(regions: readonly StatsRegion[], id: number): string | undefined {
  if (id > (regions.at(-1)?.id ?? -1)) return `Invalid region ID: ${id}`;
  if (!regions.some((region) => region.id === id)) return `Region ID ${id} does not exist`;
  const other = groupOf(regions, id);
  return other && `Region ID ${id} already a member of group ID ${other.keeper.id}`;
}

/** Nanoseconds, so that regions with and without precise timestamps can be compared; '' for no histogram. */
function bounds({ bounds, precise }: StatsRegion): string {
  return bounds.map((bound) => bound * (precise ? 1n : 1_000_000n)).join(',');
}

/** Two regions that have sectors in common, in the order of their numbers. */
function overlapping(members: readonly StatsRegion[]): readonly number[] | undefined {
  const byPlace = members.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.id - b.id));
  for (let i = 1; i < byPlace.length; i++) {
    const [before, after] = [byPlace[i - 1] as StatsRegion, byPlace[i] as StatsRegion];
    if (after.start < before.start + before.length) return [before.id, after.id].sort((a, b) => a - b);
  }
  return undefined;
}

/** @throws TscryptError INVALID_ARGUMENT */
export function ungroupRequest(options: StatsOptions): { group: number; programId: string | undefined } {
  if (options.groupid === undefined) throw refusal('Please specify group id.');
  return { group: options.groupid, programId: programOf(options) };
}

/**
 * `ungroup`: the regions of a group are on their own again.
 *
 * @returns false when it failed and has said why
 * @throws IoctlFailure there is no such device
 */
export async function ungroupRegions(
  device: StatsDevice,
  { group: id, programId }: { group: number; programId: string | undefined },
  output: StatsOutput,
): Promise<boolean> {
  const regions = await readRegions(device, programId);
  const keeper = findGroup(regions, id, output);
  if (!keeper) {
    output.warn(`Could not delete group ${id} on ${device.name}.`);
    return false;
  }
  await device.message('@stats_set_aux', String(id), formatAuxData({ userData: keeper.userData }));
  output.result(`Removed group ID ${id} on ${device.name}`, { device: device.name, group: id });
  return true;
}

/** The region that keeps a group; says why there is none. */
export function findGroup(
  regions: readonly StatsRegion[],
  id: number,
  output: StatsOutput,
): StatsRegion | undefined {
  const keeper = regions.find((region) => region.id === id && region.group);
  if (!keeper) {
    const possible = id <= (regions.at(-1)?.id ?? -1);
    output.warn(possible ? `Group ID ${id} does not exist` : `Invalid group ID: ${id}`);
  }
  return keeper;
}
