import type { Target, TargetType } from './target.ts';

/** A target in its place. Bytes, relative to the mapped device. */
export interface PlacedTarget {
  readonly start: number;
  readonly end: number;
  readonly type: TargetType;
  readonly target: Target;
}

/** How many bytes of data the target takes in one piece from `at` on. */
export function dataRoom(placed: PlacedTarget, at: number): number {
  const { limits, maxIoLength } = placed.target;
  const room = Math.min(placed.end - placed.start - at, limits.maxIoSize);
  return maxIoLength === 0 ? room : Math.min(room, maxIoLength - (at % maxIoLength));
}
