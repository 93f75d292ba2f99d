import { constants } from 'node:os';
import { libc, systemError } from './ffi.ts';

// linux/falloc.h
const FALLOC_FL_KEEP_SIZE = 0x01;
const FALLOC_FL_PUNCH_HOLE = 0x02;

/**
 * Gives the storage of a range of a file back; it reads as zeroes then (fallocate(2), FALLOC_FL_PUNCH_HOLE).
 * Runs in the thread pool, as Node's own file operations do.
 *
 * @throws the system error: ENOTSUP where there are no foreign functions, EOPNOTSUPP where the file system
 *   cannot do it
 */
export async function punchHole(fd: number, offset: number, length: number): Promise<void> {
  const c = libc();
  if (!c) throw systemError('fallocate', constants.errno.ENOTSUP);
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if ((await c.fallocateLater(fd, mode, offset, length)) === 0) return;
  // The other thread has taken its errno with it: what fails once more says why.
  if (c.fallocate(fd, mode, offset, length) === 0) return;
  throw systemError('fallocate', c.errno());
}

/** Whether {@link punchHole} works on this file, found out beyond its end, where there is nothing to lose. */
export async function canPunchHoles(fd: number, size: number): Promise<boolean> {
  try {
    await punchHole(fd, size + 2 ** 20 - (size % 2 ** 20), 2 ** 20);
    return true;
  } catch {
    return false;
  }
}
