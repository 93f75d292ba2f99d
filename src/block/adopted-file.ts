import type { BlockDevice } from './device.ts';
import { FileDevice } from './file.ts';
import type { FileDescriptor, FileShare } from './file-share.ts';

/**
 * The device of another thread once more, on the same descriptor. Closing it leaves that open; the owner closes it,
 * after everyone who adopted it.
 *
 * Flushes are the owner's business: the kernel tells of a failed write-back once for each open file description, and
 * only the owner remembers it (flushes.ts). Two threads that asked the kernel would take the answer from each other.
 *
 * @param flush the owner's `flush`
 */
export function adoptFile(share: FileShare, flush: () => Promise<void>): BlockDevice {
  const { fd, name, geometry, readOnly, access } = share;
  const descriptor: FileDescriptor = { fd, datasync: flush, close: async () => {} };
  return new FileDevice(name, descriptor, geometry, readOnly, access);
}
