import type { BlockDevice } from '../../block/device.ts';
import { TscryptError } from '../../errors.ts';
import { alignDown, isPowerOfTwo, KIB, MIB, SECTOR_SIZE } from '../../units.ts';
import * as abi from './abi.ts';

/** Bytes of a tag's buffer, where the device takes as much: a size that stays within a processor's caches. */
const MAX_IO = 256 * KIB;
/** What the driver takes at least and at most as a block, and at least as a largest request. */
const PAGE_SIZE = 4096;

/** Sectors of one discard: below 4 GiB, and whole pages. */
const MAX_DISCARD = 0x7f_fff8;
/** Zeroes that have to be written take as long as data: not all in one request. */
const MAX_SLOW_ZEROES = (16 * MIB) / SECTOR_SIZE;

/**
 * The largest request that a device is given, in bytes.
 *
 * @throws TscryptError NOT_SUPPORTED where it takes less than the kernel must be able to send
 */
export function maxIoOf(device: BlockDevice): number {
  const { maxIoSize } = device.limits;
  if (maxIoSize < PAGE_SIZE) {
    throw unsupported(device, `requests of ${maxIoSize} bytes at most`, { maxIoSize });
  }
  return alignDown(Math.min(maxIoSize, MAX_IO), PAGE_SIZE);
}

/**
 * What the kernel's queue limits are made of.
 *
 * @throws TscryptError NOT_SUPPORTED for blocks that are larger than the driver allows
 */
export function parametersOf(device: BlockDevice, readOnly: boolean, maxIo: number): abi.Parameters {
  const { limits, features, size } = device;
  const logical = limits.logicalBlockSize;
  if (logical > PAGE_SIZE) {
    throw unsupported(device, `logical blocks of ${logical} bytes`, { logicalBlockSize: logical });
  }
  const physical = powerOfTwoOr(limits.physicalBlockSize, logical);
  const discards = !readOnly && features.discard && limits.discardGranularity > 0;
  return {
    length: 0,
    types: readOnly ? abi.BASIC : abi.BASIC | abi.DISCARD,
    attributes: readOnly ? abi.ATTRIBUTE_READ_ONLY : abi.ATTRIBUTE_VOLATILE_CACHE | abi.ATTRIBUTE_FUA,
    logicalBlockShift: Math.log2(logical),
    physicalBlockShift: Math.log2(physical),
    // Only powers of two can be said; anything else is better left unsaid.
    ioOptShift: Math.log2(powerOfTwoOr(limits.ioOpt, 1)),
    ioMinShift: Math.log2(powerOfTwoOr(limits.ioMin, physical)),
    maxIo: maxIo / SECTOR_SIZE,
    // Requests that cross it are split below as it is.
    chunk: 0,
    size: size / SECTOR_SIZE,
    virtualBoundary: 0,
    discardAlignment: 0,
    discardGranularity: discards ? limits.discardGranularity : logical,
    maxDiscard: discards ? MAX_DISCARD : 0,
    maxWriteZeroes: features.fastZeroes ? MAX_DISCARD : MAX_SLOW_ZEROES,
    maxDiscardSegments: 1,
    reserved: undefined,
    charMajor: 0,
    charMinor: 0,
    diskMajor: 0,
    diskMinor: 0,
  };
}

function powerOfTwoOr(value: number, otherwise: number): number {
  return isPowerOfTwo(value) && value >= otherwise ? value : otherwise;
}

function unsupported(device: BlockDevice, what: string, details: Record<string, unknown>): TscryptError {
  return new TscryptError('NOT_SUPPORTED', `${device.name} has ${what}, which ublk cannot show.`, {
    details: { device: device.name, ...details },
    hint: 'Show it another way: --export nbd, or --export socket.',
  });
}
