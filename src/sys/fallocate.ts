import { constants } from 'node:os';
import { addressOf } from './address.ts';
import { libc, systemError } from './ffi.ts';
import { IORING_OP_FALLOCATE, threadRing } from './uring.ts';

// linux/falloc.h
const FALLOC_FL_KEEP_SIZE = 0x01;
const FALLOC_FL_PUNCH_HOLE = 0x02;
const FALLOC_FL_ZERO_RANGE = 0x10;

/** linux/fs.h: _IO(0x12, 119), on two 64-bit numbers, where and how many bytes. */
const BLKDISCARD = 0x1277;

/**
 * Gives the storage of a range of a file or block device back; it reads as zeroes then (fallocate(2),
 * FALLOC_FL_PUNCH_HOLE).
 *
 * @throws the system error: ENOTSUP where there are no foreign functions, EOPNOTSUPP where the file system or
 *   device cannot do it
 */
export function punchHole(fd: number, offset: number, length: number): Promise<void> {
  return allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

/**
 * Makes a range read as zeroes and keeps its storage (fallocate(2), FALLOC_FL_ZERO_RANGE).
 *
 * @throws as {@link punchHole} does
 */
export function zeroRange(fd: number, offset: number, length: number): Promise<void> {
  return allocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
}

/** Whether {@link punchHole} works on this file, found out beyond its end, where there is nothing to lose. */
export async function canPunchHoles(fd: number, size: number): Promise<boolean> {
  const beyond = size + 2 ** 20 - (size % 2 ** 20);
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  // In the thread pool: a ring is not made for this alone.
  return (await libc()?.later('fallocate', fd, mode, beyond, 2 ** 20)) === 0;
}

/**
 * Tells a block device that a range's content does not matter any more.
 *
 * @throws the system error: ENOTSUP where there are no foreign functions, EOPNOTSUPP where the device cannot do it
 */
export async function discardBlocks(fd: number, offset: number, length: number): Promise<void> {
  const c = libc();
  if (!c) throw systemError('ioctl', constants.errno.ENOTSUP);
  const range = Buffer.allocUnsafeSlow(128);
  range.writeBigUInt64LE(BigInt(offset), 0);
  range.writeBigUInt64LE(BigInt(length), 8);
  const address = addressOf(range);
  const result = await c.later('ioctl', fd, BLKDISCARD, address);
  // The other thread reads it: it must live until here.
  range.fill(0);
  if (result < 0) throw systemError('ioctl', -result);
}

/** Through the thread's ring; without one in the thread pool, as Node's own file operations are. */
async function allocate(fd: number, mode: number, offset: number, length: number): Promise<void> {
  const c = libc();
  if (!c) throw systemError('fallocate', constants.errno.ENOTSUP);
  const ring = threadRing();
  const result = ring
    ? await new Promise<number>((completed) => {
        // This opcode has the length where others have an address, and the mode in the place of the length.
        ring.submit({ completed }, IORING_OP_FALLOCATE, fd, length, mode, offset);
      })
    : await c.later('fallocate', fd, mode, offset, length);
  if (result < 0) throw systemError('fallocate', -result);
}
