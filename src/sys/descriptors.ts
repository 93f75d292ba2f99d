import { libc } from './ffi.ts';

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/**
 * Takes O_NONBLOCK off an open file: with it, io_uring gives EAGAIN where it would otherwise wait in the kernel.
 * Without foreign functions it stays, and does no harm there.
 */
export function clearNonBlocking(fd: number): void {
  const c = libc();
  if (!c) return;
  const flags = c.fcntlInt(fd, F_GETFL, 0);
  if (flags !== -1 && (flags & O_NONBLOCK) !== 0) c.fcntlInt(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/** Makes operations on an open file fail with EAGAIN instead of waiting. */
export function setNonBlocking(fd: number): void {
  const c = libc();
  const flags = c?.fcntlInt(fd, F_GETFL, 0) ?? -1;
  if (flags !== -1) c?.fcntlInt(fd, F_SETFL, flags | O_NONBLOCK);
}
