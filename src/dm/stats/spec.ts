import { scanPart, scanRange, scanU32, scanU64, u64 } from './numbers.ts';

/**
 * A region as `@stats_create` asks for it. Places are sectors. They may lie outside the device, up to 2^64, as
 * the kernel allows.
 */
export interface RegionSpec {
  readonly start: bigint;
  /** At least 1; `start` + `length` is below 2^64. */
  readonly length: bigint;
  /** Sectors of an area; at least 1. */
  readonly step: bigint;
  /** Times are nanoseconds rather than milliseconds. */
  readonly precise: boolean;
  /** Where one latency ends and the next begins, in the region's unit of time, rising; empty: no histogram. */
  readonly bounds: readonly bigint[];
  readonly programId: string;
}

export interface NewRegion {
  readonly spec: RegionSpec;
  readonly auxData: string;
}

/**
 * `<range> <step> [<number of optional arguments> <optional arguments>…] [<program_id> [<aux_data>]]`
 * (Documentation/admin-guide/device-mapper/statistics.rst).
 *
 * @param deviceSectors what the range `-` stands for; one sector, if the device has none
 * @returns undefined when the kernel would say EINVAL
 */
export function parseRegion(args: readonly string[], deviceSectors: number): NewRegion | undefined {
  const [rangeText, stepText, ...rest] = args;
  if (rangeText === undefined || stepText === undefined) return undefined;
  const range = parseRange(rangeText, deviceSectors);
  const step = range && parseStep(stepText, range.length);
  const options = parseOptions(rest);
  if (!range || !step || !options) return undefined;
  const [programId = '-', auxData = '-', ...tooMany] = options.rest;
  if (tooMany.length > 0) return undefined;
  const { precise, bounds } = options;
  return { spec: { ...range, step, precise, bounds, programId }, auxData };
}

function parseRange(text: string, deviceSectors: number): { start: bigint; length: bigint } | undefined {
  if (text === '-') return { start: 0n, length: BigInt(deviceSectors || 1) };
  const range = scanRange(text);
  return range && range.start < u64(range.start + range.length) ? range : undefined;
}

/** @returns undefined or 0 for what is no step */
function parseStep(text: string, length: bigint): bigint | undefined {
  const parts = scanPart(text);
  if (parts === undefined) return scanU64(text);
  return parts === 0 ? undefined : (length + BigInt(parts) - 1n) / BigInt(parts);
}

interface Options {
  readonly precise: boolean;
  readonly bounds: readonly bigint[];
  /** The words behind them. */
  readonly rest: readonly string[];
}

function parseOptions(words: readonly string[]): Options | undefined {
  const count = words[0] === undefined ? undefined : scanU32(words[0]);
  if (count === undefined) return { precise: false, bounds: [], rest: words };
  if (count > words.length - 1) return undefined;
  let precise = false;
  let bounds: readonly bigint[] | undefined;
  for (const word of words.slice(1, 1 + count)) {
    const option = word.toLowerCase();
    if (option === 'precise_timestamps') precise = true;
    else if (option.startsWith('histogram:') && !bounds) {
      bounds = parseBounds(word.slice('histogram:'.length));
      if (!bounds) return undefined;
    } else return undefined;
  }
  return { precise, bounds: bounds ?? [], rest: words.slice(1 + count) };
}

/** `n1,n2,…`: each larger than the one before, the first larger than 0. */
function parseBounds(text: string): readonly bigint[] | undefined {
  const bounds: bigint[] = [];
  for (const word of text.split(',')) {
    const bound = scanU64(word);
    if (bound === undefined || bound <= (bounds.at(-1) ?? 0n)) return undefined;
    bounds.push(bound);
  }
  return bounds;
}
