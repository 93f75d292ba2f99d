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
