import type { TableArg } from '../../../../table/spec.ts';
import { type ArgumentReader, refuse } from '../../arguments.ts';

/**
 * A number as the kernel's `sscanf("%u%c")` reads it: digits only, of which 32 bits are kept.
 *
 * @returns undefined when it is no number
 */
export function unsigned(arg: TableArg | undefined): number | undefined {
  if (typeof arg !== 'string' || !/^\d+$/.test(arg)) return undefined;
  return Number(BigInt.asUintN(32, BigInt(arg)));
}

/** @throws TscryptError INVALID_ARGUMENT when a path has more arguments than `most` */
export function checkCount(selector: string, args: ArgumentReader, most: number): void {
  if (args.left > most) refuse(`${selector} ps: incorrect number of arguments`);
}

/**
 * The optional `<repeat_count>`: requests before another path's turn. Linux takes any number and counts
 * all that are larger as 1 since version 4.8.
 */
export function repeatCount(selector: string, args: ArgumentReader): number {
  if (args.left === 0) return 1;
  const count = unsigned(args.next());
  return count === undefined ? refuse(`${selector} ps: invalid repeat count`) : Math.min(count, 1);
}
