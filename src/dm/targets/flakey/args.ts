import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { ArgumentReader, type DeviceArg, deviceArg, refuse, sectorArg } from '../arguments.ts';

/**
 * `flakey <device> <offset> <up interval> <down interval> [<#features> <feature>…]`
 * (Documentation/admin-guide/device-mapper/dm-flakey.rst).
 */
export interface FlakeyArguments {
  readonly below: DeviceArg;
  /** First sector used on the device. */
  readonly offset: number;
  /** Seconds during which nothing is wrong. */
  readonly up: number;
  /** Seconds after these during which the features take effect. */
  readonly down: number;
  readonly features: FlakeyFeatures;
}

/** What goes wrong while the target is down. */
export interface FlakeyFeatures {
  readonly errorReads: boolean;
  readonly dropWrites: boolean;
  readonly errorWrites: boolean;
  readonly corruptByte: CorruptByte | undefined;
  /** Of so many in {@link CERTAIN} reads, and writes, one byte becomes a random one. */
  readonly randomReadCorrupt: number;
  readonly randomWriteCorrupt: number;
}

/** One byte of every matching request is replaced. */
export interface CorruptByte {
  /** Counted from 1 in each request. */
  readonly nth: number;
  readonly direction: 'r' | 'w';
  readonly value: number;
  /** Bits of the kernel's requests, all of which a request must have; 0: all match. */
  readonly flags: number;
}

/** The probability of what always happens. */
export const CERTAIN = 1_000_000_000;
const U32_MAX = 2 ** 32 - 1;
const MAX_FEATURES = 11;

export async function parseFlakeyArguments(
  line: TableLine,
  context: TargetContext,
): Promise<FlakeyArguments> {
  if (line.args.length < 4) refuse('Invalid argument count');
  const reader = new ArgumentReader(line.args);
  const name = reader.next();
  const offset = sectorArg(reader.next(), 'Invalid device sector');
  const up = reader.number(0, U32_MAX, 'Invalid up interval');
  // The kernel says "up" here as well.
  const down = reader.number(0, U32_MAX, 'Invalid up interval');
  if ((up + down) % 2 ** 32 === 0) refuse('Total (up + down) interval is zero');
  if (up + down > U32_MAX) refuse('Interval overflow');
  const features = parseFeatures(reader);
  return { below: await deviceArg(name, context), offset, up, down, features };
}

type Parsed = { -readonly [K in keyof FlakeyFeatures]: FlakeyFeatures[K] };

function parseFeatures(reader: ArgumentReader): FlakeyFeatures {
  const parsed: Parsed = {
    errorReads: false,
    dropWrites: false,
    errorWrites: false,
    corruptByte: undefined,
    randomReadCorrupt: 0,
    randomWriteCorrupt: 0,
  };
  let left = reader.left === 0 ? 0 : reader.number(0, MAX_FEATURES, 'Invalid number of feature args');
  if (left > reader.left) refuse('Invalid number of feature args');
  // A feature may take more parameters than were announced. The count never becomes 0 then, and
  // whatever stands behind is taken for a feature until nothing is left, as in the kernel.
  while (left !== 0) {
    if (reader.left === 0) refuse('Insufficient feature arguments');
    const feature = reader.word('Unrecognised flakey feature requested').toLowerCase();
    left = left - 1 - parseFeature(feature, left - 1, reader, parsed);
  }
  checkWriteCorruption(parsed);
  return anything(parsed) ? parsed : { ...parsed, errorReads: true, errorWrites: true };
}

/** @returns how many parameters the feature took */
function parseFeature(feature: string, left: number, reader: ArgumentReader, parsed: Parsed): number {
  switch (feature) {
    case 'error_reads':
      if (parsed.errorReads) refuse('Feature error_reads duplicated');
      parsed.errorReads = true;
      return 0;
    case 'drop_writes':
      if (parsed.dropWrites) refuse('Feature drop_writes duplicated');
      if (parsed.errorWrites) refuse('Feature drop_writes conflicts with feature error_writes');
      parsed.dropWrites = true;
      return 0;
    case 'error_writes':
      if (parsed.errorWrites) refuse('Feature error_writes duplicated');
      if (parsed.dropWrites) refuse('Feature error_writes conflicts with feature drop_writes');
      parsed.errorWrites = true;
      return 0;
    case 'corrupt_bio_byte':
      if (left === 0) refuse('Feature corrupt_bio_byte requires parameters');
      parsed.corruptByte = parseCorruptByte(reader);
      return 4;
    case 'random_read_corrupt':
      if (left === 0) refuse('Feature random_read_corrupt requires a parameter');
      parsed.randomReadCorrupt = reader.number(0, CERTAIN, 'Invalid random corrupt argument');
      return 1;
    case 'random_write_corrupt':
      if (left === 0) refuse('Feature random_write_corrupt requires a parameter');
      parsed.randomWriteCorrupt = reader.number(0, CERTAIN, 'Invalid random corrupt argument');
      return 1;
    default:
      return refuse('Unrecognised flakey feature requested', { found: feature });
  }
}

function parseCorruptByte(reader: ArgumentReader): CorruptByte {
  const nth = reader.number(1, U32_MAX, 'Invalid corrupt bio byte');
  const direction = reader.word('Invalid corrupt bio direction (r or w)').toLowerCase();
  if (direction !== 'r' && direction !== 'w') refuse('Invalid corrupt bio direction (r or w)');
  const value = reader.number(0, 255, 'Invalid corrupt value to write into bio byte (0-255)');
  const flags = reader.number(0, U32_MAX, 'Invalid corrupt bio flags mask');
  return { nth, direction, value, flags };
}

/** A write cannot be changed that never comes to the device. */
function checkWriteCorruption({ corruptByte, dropWrites, errorWrites }: FlakeyFeatures): void {
  if (corruptByte?.direction !== 'w') return;
  if (dropWrites) refuse('drop_writes is incompatible with corrupt_bio_byte with the WRITE flag set');
  if (errorWrites) refuse('error_writes is incompatible with corrupt_bio_byte with the WRITE flag set');
}

function anything(features: FlakeyFeatures): boolean {
  return Object.values(features).some((value) => Boolean(value));
}

export function formatFlakeyArguments(args: FlakeyArguments): readonly TableArg[] {
  const { below, offset, up, down, features } = args;
  const words = formatFeatures(features);
  return [below.label, String(offset), String(up), String(down), String(words.length), ...words];
}

/** In the kernel's fixed order. */
function formatFeatures(features: FlakeyFeatures): readonly string[] {
  const { errorReads, dropWrites, errorWrites, corruptByte, randomReadCorrupt, randomWriteCorrupt } =
    features;
  const words: string[] = [];
  if (errorReads) words.push('error_reads');
  if (dropWrites) words.push('drop_writes');
  if (errorWrites) words.push('error_writes');
  if (corruptByte) {
    const { nth, direction, value, flags } = corruptByte;
    words.push('corrupt_bio_byte', String(nth), direction, String(value), String(flags));
  }
  if (randomReadCorrupt > 0) words.push('random_read_corrupt', String(randomReadCorrupt));
  if (randomWriteCorrupt > 0) words.push('random_write_corrupt', String(randomWriteCorrupt));
  return words;
}
