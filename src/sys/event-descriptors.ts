import { libc, systemError } from './ffi.ts';

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/**
 * `count` descriptors of eventfd(2), by which threads wake one another.
 *
 * @throws what the kernel said
 */
export function makeEventDescriptors(count: number): number[] {
  const c = libc();
  if (!c) throw new Error('makeEventDescriptors without foreign functions');
  const made: number[] = [];
  while (made.length < count) {
    const fd = c.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
      const error = systemError('eventfd', c.errno());
      closeEventDescriptors(made);
      throw error;
    }
    made.push(fd);
  }
  return made;
}

/** Only when no thread can write to them any more. */
export function closeEventDescriptors(descriptors: readonly number[]): void {
  for (const fd of descriptors) libc()?.close(fd);
}
