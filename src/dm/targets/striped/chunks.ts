import type { TableArg } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import type { Target } from '../../target.ts';
import { refuse, textArg } from '../arguments.ts';

/** What targets that divide devices into chunks or regions have in common. */

const U32_MAX = 2 ** 32 - 1;

/**
 * A number as the kernel's `kstrtouint` reads it: unlike elsewhere in tables, a `+` may stand before it.
 *
 * @param text the error's text
 */
export function unsignedArg(arg: TableArg | undefined, min: number, text: string): number {
  const word = textArg(arg, text);
  const value = Number(word);
  return /^\+?\d+$/.test(word) && value >= min && value <= U32_MAX ? value : refuse(text);
}

/**
 * Chunks must be whole logical blocks of every device, or requests would have to be split inside a block. The
 * kernel takes such a table, and fails those requests. What the core will refuse anyway is left to it, since
 * it says so in the kernel's words.
 *
 * @param name what the kernel calls a chunk's size
 * @param length of the target, in sectors
 * @throws TscryptError INVALID_ARGUMENT
 */
export function checkChunks(target: Target, name: string, length: number): void {
  const { areas, maxIoLength: chunk } = target;
  if (chunk >= length * SECTOR_SIZE) return;
  const block = target.limits.logicalBlockSize;
  const offender = areas.find(({ device }) => chunk % device.limits.logicalBlockSize !== 0);
  const usable = areas.every((area) => {
    return (
      area.start % block === 0 && area.length % block === 0 && area.start + area.length <= area.device.size
    );
  });
  if (!offender || !usable) return;
  const { logicalBlockSize } = offender.device.limits;
  refuse(
    `${name}=${chunk / SECTOR_SIZE} not aligned to h/w logical block size ${logicalBlockSize} of ${offender.device.name}`,
    { below: offender.device.name, expected: logicalBlockSize },
  );
}
