import { refusal } from '../failure.ts';
import type { StatsDevice, StatsOutput } from './device.ts';
import { findGroup } from './group.ts';
import { programOf, type StatsOptions } from './options.ts';
import { formatAuxData, groupOf, readRegions, type StatsRegion } from './regions.ts';

/** One of both, or neither: all regions. */
export interface DeleteRequest {
  readonly region: number | undefined;
  readonly group: number | undefined;
  readonly programId: string | undefined;
}

/** @throws TscryptError INVALID_ARGUMENT */
export function deleteRequest(options: StatsOptions): DeleteRequest {
  const { allregions, groupid: group, regionid: region } = options;
  if (region !== undefined && group !== undefined)
    throw refusal('Please use one of --regionid and --groupid.');
  if (allregions && (region !== undefined || group !== undefined))
    throw refusal('Please supply one of --allregions, --regionid and --groupid.');
  if (!allregions && region === undefined && group === undefined)
    throw refusal('Please specify a --regionid or --groupid, or use --allregions.');
  return { region, group, programId: programOf(options) };
}

/**
 * `delete`: deletes a region, the regions of a group, or all.
 *
 * @returns false when it failed and has said why
 * @throws IoctlFailure there is no such device
 */
export async function deleteRegions(
  device: StatsDevice,
  { region, group, programId }: DeleteRequest,
  output: StatsOutput,
): Promise<boolean> {
  const regions = await readRegions(device, programId);
  if (group !== undefined) return await deleteGroup(device, regions, group, output);
  if (region === undefined) {
    for (const { id } of regions) await device.message('@stats_delete', String(id));
    return true;
  }
  const found = regions.find(({ id }) => id === region);
  if (!found) {
    const none = regions.length === 0;
    output.warn(
      none ? `Could not delete region ID ${region}: no regions found` : `Region ID ${region} does not exist`,
    );
    output.warn('Could not delete statistics region');
    return false;
  }
  await deleteOne(device, regions, found);
  return true;
}

/** A group goes with the region that keeps it; that of another member is told that it is gone. */
async function deleteOne(
  device: StatsDevice,
  regions: readonly StatsRegion[],
  one: StatsRegion,
): Promise<void> {
  const found = groupOf(regions, one.id);
  if (found && found.keeper !== one) {
    const { keeper, group } = found;
    const members = group.members.filter((id) => id !== one.id);
    const auxData = formatAuxData({ userData: keeper.userData, group: { alias: group.alias, members } });
    await device.message('@stats_set_aux', String(keeper.id), auxData);
  }
  await device.message('@stats_delete', String(one.id));
}

async function deleteGroup(
  device: StatsDevice,
  regions: readonly StatsRegion[],
  id: number,
  output: StatsOutput,
): Promise<boolean> {
  const keeper = findGroup(regions, id, output);
  if (!keeper?.group) {
    output.warn('Could not delete statistics group.');
    return false;
  }
  // The keeper last: until then the others are known to belong together.
  for (const member of keeper.group.members.toReversed()) {
    if (regions.some((region) => region.id === member)) await device.message('@stats_delete', String(member));
  }
  output.result(`Deleted statistics group ${id}.`, { device: device.name, group: id });
  return true;
}
