import type { BlockDevice } from './device.ts';
import { FileDevice } from './file.ts';
import type { FileAccessKind } from './file-access.ts';
import type { FileGeometry } from './file-geometry.ts';

/** An open file, as plain data that may go to another thread: descriptors belong to the process. */
export interface FileShare {
  readonly fd: number;
  readonly name: string;
  readonly geometry: FileGeometry;
  readonly readOnly: boolean;
  readonly access: FileAccessKind;
}

/** What a file device uses of its descriptor. */
export interface FileDescriptor {
  readonly fd: number;
  /** Makes everything written so far stable. Absent: by fdatasync(2), and what the kernel says is for nobody else. */
  datasync?(): Promise<void>;
  close(): Promise<void>;
}

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
