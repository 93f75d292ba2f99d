import type { BlockDevice } from '../../block/device.ts';
import { TscryptError } from '../../errors.ts';
import { alignDown } from '../../units.ts';

// lseek(2)
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** As much as a device is asked about at a time. */
const STEP = 2 ** 30;

/**
 * The next data, or the next hole, from `offset` on.
 *
 * @returns undefined when there is none before the end (ENXIO)
 * @throws TscryptError INVALID_ARGUMENT for another `whence`
 */
export async function seek(
  device: BlockDevice,
  size: number,
  offset: number,
  whence: number,
): Promise<number | undefined> {
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) {
    throw new TscryptError('INVALID_ARGUMENT', `lseek(2) with whence ${whence}.`);
  }
  if (offset >= size) return undefined;
  const wantsHole = whence === SEEK_HOLE;
  if (!device.extents) return wantsHole ? size : offset;
  for (let at = alignDown(offset, device.limits.logicalBlockSize); at < size; ) {
    for (const extent of await device.extents(at, Math.min(STEP, size - at))) {
      if ((extent.hole && extent.zero) === wantsHole && at + extent.length > offset)
        return Math.max(at, offset);
      at += extent.length;
    }
  }
  // The end of the file counts as a hole.
  return wantsHole ? size : undefined;
}
