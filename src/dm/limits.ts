import { DEFAULT_LIMITS, type Limits } from '../block/device.ts';

/**
 * Limits of a device made of several parts, as the kernel's `blk_stack_limits` combines them: block
 * sizes are the largest, the preferred size a multiple of all, the largest request the smallest.
 */
export function stackLimits(parts: readonly Limits[]): Limits {
  let stacked = parts[0];
  if (stacked === undefined) return DEFAULT_LIMITS;
  for (const part of parts) {
    stacked = {
      logicalBlockSize: Math.max(stacked.logicalBlockSize, part.logicalBlockSize),
      physicalBlockSize: Math.max(stacked.physicalBlockSize, part.physicalBlockSize),
      ioMin: Math.max(stacked.ioMin, part.ioMin),
      ioOpt: leastCommonMultiple(stacked.ioOpt, part.ioOpt),
      maxIoSize: Math.min(stacked.maxIoSize, part.maxIoSize),
      discardGranularity: Math.max(stacked.discardGranularity, part.discardGranularity),
    };
  }
  return stacked;
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
