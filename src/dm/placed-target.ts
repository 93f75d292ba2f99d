import type { Target, TargetType } from './target.ts';

/** A target in its place. Bytes, relative to the mapped device. */
export interface PlacedTarget {
  readonly start: number;
  readonly end: number;
  readonly type: TargetType;
  readonly target: Target;
  /** The target's `limits.maxIoSize` when limits were last stacked. */
  maxIoSize: number;
}

/** How many bytes of data the target takes in one piece from `at` on. */
export function dataRoom(placed: PlacedTarget, at: number): number {
  const { maxIoLength } = placed.target;
  const room = Math.min(placed.end - placed.start - at, placed.maxIoSize);
  return maxIoLength === 0 ? room : Math.min(room, maxIoLength - (at % maxIoLength));
}
