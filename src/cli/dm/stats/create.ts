import { refusal } from '../failure.ts';
import { parseBounds, regionBounds } from './bounds.ts';
import { PROGRAM_ID, type StatsDevice, type StatsOutput } from './device.ts';
import { makeGroup } from './group.ts';
import type { StatsOptions } from './options.ts';
import { areaCount, readRegions } from './regions.ts';
import { sectorsOf } from './sizes.ts';

/** What `create` makes of each device it is for. */
export interface CreateRequest {
  readonly segments: boolean;
  /** A group of the regions that `segments` gives. */
  readonly group: boolean;
  readonly alias: string;
  readonly start: bigint;
  /** 0: as long as the device. */
  readonly length: bigint;
  /** Sectors of an area, or how many areas; `areas` is at least 1. */
  readonly areas: { readonly size: bigint } | { readonly count: bigint };
  readonly precise: boolean;
  readonly bounds: readonly bigint[];
  readonly programId: string;
  readonly userData: string;
}

/** @throws TscryptError INVALID_ARGUMENT */
export function createRequest(options: StatsOptions): CreateRequest {
  const { areas, areasize, bounds, programid = PROGRAM_ID } = options;
  if (areas && areasize !== undefined) throw refusal('Please specify one of --areas and --areasize.');
  if (areas !== undefined && areas < 0) throw refusal(`Invalid areas argument: "${areas}"`);
  if (programid === '' && !options.force)
    throw refusal('Creating a region with no program id requires --force.');
  const size = areasize === undefined ? 0n : sectorsOf(areasize, 'areasize');
  return {
    segments: options.segments ?? false,
    group: !options.nogroup,
    alias: word(options.alias ?? '', 'alias'),
    start: options.start === undefined ? 0n : sectorsOf(options.start, 'start'),
    length: options.length === undefined ? 0n : sectorsOf(options.length, 'length'),
    areas: size === 0n ? { count: BigInt(areas || 1) } : { size },
    ...regionBounds(bounds === undefined ? [] : parseBounds(bounds), options.precise ?? false),
    programId: word(programid, 'programid'),
    userData: word(options.userdata ?? '', 'userdata'),
  };
}

/** A text that is kept with a region: one word, or nobody could tell where it ends. */
function word(text: string, option: string): string {
  if (/\s/.test(text)) throw refusal(`Invalid ${option} argument: "${text}"`);
  return text;
}

/**
 * Makes the regions on one device and says which.
 *
 * @returns false when it failed and has said why
 * @throws IoctlFailure there is no such device
 */
export async function createRegions(
  device: StatsDevice,
  request: CreateRequest,
  output: StatsOutput,
): Promise<boolean> {
  const targets = await device.targets();
  const size = targets.reduce((sectors, target) => sectors + target.length, 0);
  const ranges = request.segments
    ? targets.map(({ start, length }) => ({ start: BigInt(start), length: BigInt(length) }))
    : [{ start: request.start, length: request.length || BigInt(size || 1) }];
  const ids: number[] = [];
  for (const range of ranges) {
    try {
      ids.push(await createRegion(device, range, request, output));
    } catch (error) {
      output.failure(error);
      output.warn(`${device.name}: Could not create statistics region.`);
      return false;
    }
  }
  if (!request.segments || !request.group || ids.length === 0) return true;
  return await groupSegments(device, ids, request.alias, output);
}

async function createRegion(
  device: StatsDevice,
  range: { readonly start: bigint; readonly length: bigint },
  { areas, precise, bounds, programId, userData }: CreateRequest,
  output: StatsOutput,
): Promise<number> {
  const options = [
    ...(precise ? ['precise_timestamps'] : []),
    ...(bounds.length > 0 ? [`histogram:${bounds.join(',')}`] : []),
  ];
  const answer = await device.message(
    '@stats_create',
    `${range.start}+${range.length}`,
    'size' in areas ? String(areas.size) : `/${areas.count}`,
    String(options.length),
    ...options,
    programId || '-',
    userData || '-',
  );
  const id = Number(answer);
  const step = 'size' in areas ? areas.size : (range.length + areas.count - 1n) / areas.count;
  const count = areaCount({ length: range.length, step });
  output.result(`${device.name}: Created new region with ${count} area(s) as region ID ${id}`, {
    device: device.name,
    region: id,
    areas: count,
  });
  return id;
}

async function groupSegments(
  device: StatsDevice,
  ids: readonly number[],
  alias: string,
  output: StatsOutput,
): Promise<boolean> {
  const list = ids.join(',');
  const group = await makeGroup(device, await readRegions(device), ids, alias, output);
  if (group === undefined) {
    output.warn(`Failed to create group for regions ${list}.`);
    return false;
  }
  const named = alias === '' ? '' : ` with alias ${alias}`;
  output.result(`Grouped regions ${list} as group ID ${group}${named}`, {
    device: device.name,
    group,
    regions: ids,
    alias,
  });
  return true;
}
