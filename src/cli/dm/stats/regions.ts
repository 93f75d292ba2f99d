import { TscryptError } from '../../../errors.ts';
import type { StatsDevice } from './device.ts';
import { formatRegionList, parseRegionList } from './region-list.ts';

/** A region as `@stats_list` tells it. Sectors. */
export interface StatsRegion {
  readonly id: number;
  readonly start: bigint;
  readonly length: bigint;
  readonly step: bigint;
  readonly programId: string;
  /** Without what dmstats keeps in it; '' for none. */
  readonly userData: string;
  readonly precise: boolean;
  /** In the region's unit of time; empty if it has no histogram. */
  readonly bounds: readonly bigint[];
  /** The group that is kept with this region, which is the first of it. */
  readonly group?: RegionGroup;
}

/** Regions that are reported together. Kept in the auxiliary data of the first of them. */
export interface RegionGroup {
  /** '' if it has none. */
  readonly alias: string;
  /** Rising. */
  readonly members: readonly number[];
}

const LINE = /^(\d+): (\d+)\+(\d+) (\d+) (\S*) (.*?)( precise_timestamps)?(?: histogram:([\d,]+))?$/;
/** dmstats' own: a group, then what belongs to the user. */
const TAG = /^DMS_GROUP=(.*?):([\d,-]+)#(.*)$/s;

/**
 * The regions of a device, of one program or of all.
 *
 * @throws IoctlFailure there is no such device
 */
export async function readRegions(device: StatsDevice, programId?: string): Promise<StatsRegion[]> {
  const words = programId === undefined ? [] : [programId === '' ? '-' : programId];
  return parseRegions(await device.message('@stats_list', ...words));
}

/** @param answer to `@stats_list` */
export function parseRegions(answer: string): StatsRegion[] {
  return answer
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, id, start, length, step, programId, auxData, precise, bounds] = LINE.exec(line) ?? [];
      if (!id || !start || !length || !step || programId === undefined || auxData === undefined) {
        throw new TscryptError('PROTOCOL_ERROR', `Cannot read the statistics region "${line}".`);
      }
      return {
        id: Number(id),
        start: BigInt(start),
        length: BigInt(length),
        step: BigInt(step),
        programId: programId === '-' ? '' : programId,
        ...parseAuxData(auxData),
        precise: precise !== undefined,
        bounds: bounds?.split(',').map(BigInt) ?? [],
      };
    });
}

function parseAuxData(text: string): { readonly userData: string; readonly group?: RegionGroup } {
  const [, alias = '', list = '', rest = ''] = TAG.exec(text) ?? [];
  const members = list === '' ? undefined : parseRegionList(list);
  const userData = members ? rest : text;
  return { userData: userData === '-' ? '' : userData, ...(members && { group: { alias, members } }) };
}

/** What a region keeps as its auxiliary data: the inverse of what {@link parseRegions} makes of it. */
export function formatAuxData({
  userData,
  group,
}: {
  userData: string;
  group?: RegionGroup | undefined;
}): string {
  const own = userData === '' ? '-' : userData;
  return group ? `DMS_GROUP=${group.alias}:${formatRegionList(group.members)}#${own}` : own;
}

/** The group that a region is in, with the region that keeps it. */
export function groupOf(
  regions: readonly StatsRegion[],
  id: number,
): { readonly keeper: StatsRegion; readonly group: RegionGroup } | undefined {
  for (const keeper of regions) {
    if (keeper.group?.members.includes(id)) return { keeper, group: keeper.group };
  }
  return undefined;
}

/** Areas of a region: the last may reach over its end. */
export function areaCount({ length, step }: Pick<StatsRegion, 'length' | 'step'>): number {
  return Number((length + step - 1n) / step);
}
