import { DEFAULT_LIMITS, type Features, type Limits } from '../block/device.ts';
import type { DeviceArea } from './target.ts';

/**
 * Limits of a device made of several parts, as the kernel's `blk_stack_limits` combines them: block
 * sizes are the largest, the preferred size a multiple of all, the largest request the smallest; what
 * is no multiple of the physical block size in the end is worth nothing.
 */
export function stackLimits(parts: readonly Limits[]): Limits {
  const [first, ...rest] = parts;
  return rest.reduce(stackTwo, first ?? DEFAULT_LIMITS);
}

/** What the devices of a target's areas say together, each from where its area begins. */
export function limitsBelow(areas: readonly DeviceArea[]): Limits {
  return stackLimits(areas.map(({ device, start }) => limitsAt(device.limits, start)));
}

/** What all parts of a device can do. */
export function commonFeatures(parts: readonly Features[]): Features {
  return {
    discard: parts.every(({ discard }) => discard),
    fastZeroes: parts.every(({ fastZeroes }) => fastZeroes),
    multiConnection: parts.every(({ multiConnection }) => multiConnection),
  };
}

/** Limits of a device as seen from `start` bytes on (`queue_limit_alignment_offset`). */
function limitsAt(limits: Limits, start: number): Limits {
  const granularity = Math.max(limits.physicalBlockSize, limits.ioMin);
  const alignmentOffset =
    (granularity + limits.alignmentOffset - (start % granularity) + granularity) % granularity;
  return settled({ ...limits, alignmentOffset });
}

function stackTwo(a: Limits, b: Limits): Limits {
  return settled({
    logicalBlockSize: Math.max(a.logicalBlockSize, b.logicalBlockSize),
    physicalBlockSize: Math.max(a.physicalBlockSize, b.physicalBlockSize),
    ioMin: Math.max(a.ioMin, b.ioMin),
    ioOpt: leastCommonMultiple(a.ioOpt, b.ioOpt),
    maxIoSize: Math.min(a.maxIoSize, b.maxIoSize),
    discardGranularity: Math.max(a.discardGranularity, b.discardGranularity),
    alignmentOffset: leastCommonMultiple(a.alignmentOffset, b.alignmentOffset),
    chunkSize: greatestCommonDivisor(a.chunkSize, b.chunkSize),
  });
}

/** What does not fit the block sizes gives way to them. */
function settled(limits: Limits): Limits {
  const { logicalBlockSize, ioOpt, chunkSize, alignmentOffset } = limits;
  const physicalBlockSize = Math.max(limits.physicalBlockSize, logicalBlockSize);
  const ioMin = limits.ioMin % physicalBlockSize === 0 ? limits.ioMin : physicalBlockSize;
  return {
    ...limits,
    physicalBlockSize,
    ioMin,
    ioOpt: ioOpt % physicalBlockSize === 0 ? ioOpt : 0,
    chunkSize: chunkSize % physicalBlockSize === 0 ? chunkSize : 0,
    alignmentOffset: alignmentOffset % Math.max(physicalBlockSize, ioMin),
  };
}

/** `limits` raised for a target whose smallest unit is `blockSize` bytes. */
export function raiseBlockSize(limits: Limits, blockSize: number): Limits {
  return {
    ...limits,
    logicalBlockSize: Math.max(limits.logicalBlockSize, blockSize),
    physicalBlockSize: Math.max(limits.physicalBlockSize, blockSize),
    ioMin: Math.max(limits.ioMin, blockSize),
  };
}

/** 0 is "unknown" and gives way to the other. A result nobody could use is unknown too. */
function leastCommonMultiple(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b;
  const multiple = (a / greatestCommonDivisor(a, b)) * b;
  return multiple <= 0xffff_ffff ? multiple : 0;
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}
