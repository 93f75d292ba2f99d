import { constants } from 'node:os';
import { libc, systemError } from './ffi.ts';

/** `unsupported`: this process has no foreign functions, nothing was locked. */
export type LockResult = 'locked' | 'busy' | 'unsupported';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/**
 * flock(2) on an open file, never waiting (a thread blocked in native code could not be stopped).
 *
 * @throws the system error when the kernel refuses for another reason than a lock held elsewhere
 */
export function flock(fd: number, mode: 'shared' | 'exclusive'): LockResult {
  const c = libc();
  if (!c) return 'unsupported';
  for (;;) {
    if (c.flock(fd, (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return 'locked';
    const errno = c.errno();
    if (errno === constants.errno.EWOULDBLOCK) return 'busy';
    if (errno !== constants.errno.EINTR) throw systemError('flock', errno);
  }
}

/** Gives up the lock before the file is closed. */
export function funlock(fd: number): void {
  const c = libc();
  if (c && c.flock(fd, LOCK_UN) !== 0) throw systemError('flock', c.errno());
}

// struct flock of the 64-bit ABIs (bits/fcntl.h): s16 l_type, s16 l_whence, pad, s64 l_start, s64 l_len, s32 l_pid, pad.
const STRUCT_FLOCK = 32;
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const TYPES = { read: F_RDLCK, write: F_WRLCK, unlock: F_UNLCK } as const;

/**
 * Locks one byte of a file for this open file description (fcntl(2), F_OFD_SETLK). Independent of
 * {@link flock}; gone when the last copy of the descriptor is closed, however the process ends.
 */
export function lockByte(fd: number, type: keyof typeof TYPES, offset: number): LockResult {
  const c = libc();
  if (!c) return 'unsupported';
  if (c.fcntl(fd, F_OFD_SETLK, byteRange(TYPES[type], offset)) === 0) return 'locked';
  const errno = c.errno();
  if (errno === constants.errno.EAGAIN || errno === constants.errno.EACCES) return 'busy';
  throw systemError('fcntl(F_OFD_SETLK)', errno);
}

/** Whether another open file description holds a lock, shared or exclusive, on that byte. */
export function isByteLocked(fd: number, offset: number): boolean {
  const c = libc();
  if (!c) return false;
  const range = byteRange(F_WRLCK, offset);
  if (c.fcntl(fd, F_OFD_GETLK, range) !== 0) throw systemError('fcntl(F_OFD_GETLK)', c.errno());
  return view(range).getInt16(0, LITTLE) !== F_UNLCK;
}

const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function byteRange(type: number, offset: number): Uint8Array {
  const range = new Uint8Array(STRUCT_FLOCK);
  view(range).setInt16(0, type, LITTLE);
  view(range).setBigInt64(8, BigInt(offset), LITTLE);
  view(range).setBigInt64(16, 1n, LITTLE);
  return range;
}
