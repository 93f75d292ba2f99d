import type { BlockDevice } from './device.ts';
import { FileDevice } from './file.ts';
import type { FileGeometry } from './file-geometry.ts';

/**
 * How requests reach the file: `cached` through the page cache, on the thread pool since they may wait for
 * the disk; `memory` for file systems that have no disk, inline; `direct` past the page cache, through aligned buffers.
 */
export type FileAccess = 'cached' | 'memory' | 'direct';

/** An open file, as plain data that may go to another thread: descriptors belong to the process. */
export interface FileShare {
  readonly fd: number;
  readonly name: string;
  readonly geometry: FileGeometry;
  readonly readOnly: boolean;
  readonly access: FileAccess;
  /** Parts of the file can be given back. */
  readonly holes: boolean;
}

/** What a file device uses of its descriptor; Node's `FileHandle` is one. */
export interface FileDescriptor {
  readonly fd: number;
  datasync(): Promise<void>;
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
  const { fd, name, geometry, readOnly, access, holes } = share;
  const descriptor: FileDescriptor = { fd, datasync: flush, close: async () => {} };
  return new FileDevice(name, descriptor, geometry, readOnly, access, holes);
}
