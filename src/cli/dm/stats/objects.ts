import { type Counters, NO_COUNTERS, parseCounters, sumCounters } from './counters.ts';
import type { StatsDevice } from './device.ts';
import { areaCount, groupOf, readRegions, type StatsRegion } from './regions.ts';

export type ObjectType = 'area' | 'region' | 'group';

/** What a report has a row for: an area, a region, or a group of regions. Sectors. */
export interface StatsObject {
  readonly type: ObjectType;
  /** The device's, or the alias of the group that it belongs to. */
  readonly name: string;
  /** Of a group, the region that keeps it. */
  readonly region: StatsRegion;
  /** The regions of a group. */
  readonly members: readonly number[];
  /** The group that it is, or that its region is in. */
  readonly group: number | undefined;
  /** Of the region, or of all regions of the group. */
  readonly start: bigint;
  readonly length: bigint;
  readonly areaCount: number;
  /** Of a region or group, 0. */
  readonly area: number;
  readonly areaStart: bigint;
  readonly areaLength: bigint;
  readonly counters: Counters;
  /** Nanoseconds in which the counters came together, as far as that is known. */
  readonly interval: number;
}

/** Which objects a report is about. */
export interface ObjectChoice {
  readonly areas: boolean;
  /** `divided`: only those of more than one area, where the others are to be seen as areas. */
  readonly regions: boolean | 'divided';
  readonly groups: boolean;
}

export interface ReadOptions {
  readonly choice: ObjectChoice;
  readonly programId: string | undefined;
  /** Whether counters are read, and if so, whether they are set to 0 with it. */
  readonly counters: 'none' | 'keep' | 'clear';
  /** Nanoseconds since they were cleared last. */
  readonly interval: number;
}

/**
 * The objects of a device: areas, then regions, then groups.
 *
 * @throws IoctlFailure there is no such device
 */
export async function readObjects(device: StatsDevice, options: ReadOptions): Promise<StatsObject[]> {
  const { choice, counters, interval, programId } = options;
  const regions = await readRegions(device, programId);
  const counted = new Map<number, readonly Counters[]>();
  if (counters !== 'none') {
    const message = counters === 'clear' ? '@stats_print_clear' : '@stats_print';
    for (const { id, precise } of regions)
      counted.set(id, parseCounters(await device.message(message, String(id)), precise));
  }
  const whole = regions.map((region) => regionObject(device.name, regions, region, counted, interval));
  return [
    ...(choice.areas ? whole.flatMap((one) => areaObjects(one, counted.get(one.region.id) ?? [])) : []),
    ...whole.filter((one) => choice.regions === true || (choice.regions === 'divided' && one.areaCount > 1)),
    ...(choice.groups ? groupObjects(device.name, whole) : []),
  ];
}

function regionObject(
  device: string,
  regions: readonly StatsRegion[],
  region: StatsRegion,
  counted: ReadonlyMap<number, readonly Counters[]>,
  interval: number,
): StatsObject {
  const found = groupOf(regions, region.id);
  return {
    type: 'region',
    name: found?.group.alias || device,
    region,
    members: [region.id],
    group: found?.keeper.id,
    start: region.start,
    length: region.length,
    areaCount: areaCount(region),
    area: 0,
    areaStart: region.start,
    areaLength: region.step,
    counters: sumCounters(counted.get(region.id) ?? []),
    interval,
  };
}

function areaObjects(whole: StatsObject, counted: readonly Counters[]): StatsObject[] {
  const { region, start } = whole;
  return Array.from({ length: whole.areaCount }, (_, area) => ({
    ...whole,
    type: 'area',
    area,
    areaStart: start + BigInt(area) * region.step,
    counters: counted[area] ?? NO_COUNTERS,
  }));
}

function groupObjects(device: string, whole: readonly StatsObject[]): StatsObject[] {
  return whole.flatMap((keeper) => {
    const { group } = keeper.region;
    if (!group) return [];
    const members = whole.filter(({ region }) => group.members.includes(region.id));
    const length = members.reduce((sum, one) => sum + one.length, 0n);
    return {
      ...keeper,
      type: 'group' as const,
      name: group.alias || device,
      members: group.members,
      length,
      areaCount: 1,
      areaLength: length,
      counters: sumCounters(members.map(({ counters }) => counters)),
    };
  });
}
