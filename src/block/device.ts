import type { MaybePromise } from '../maybe-promise.ts';
import type { FileShare } from './file-share.ts';

/**
 * The contract up and down the stack. Everything that stores blocks is a `BlockDevice`: a file, a
 * disk, a remote export, memory, a mapped device. Targets hold block devices and are mapped into one,
 * exporters serve any, tests fake any.
 *
 * Offsets and lengths are **bytes**, multiples of `limits.logicalBlockSize`, and inside `size`;
 * anything else is refused with INVALID_ARGUMENT (EINVAL), and past the end with NO_SPACE for writes and
 * INVALID_ARGUMENT for reads. Buffers belong to the caller and must not change while a request is under way.
 * Requests may overlap in time and complete in any order. Errors are `TscryptError`s and reach exactly
 * the request that met them.
 *
 * Durability is the kernel's: a completed write may be volatile until a later {@link BlockDevice.flush}
 * completes; a write with `fua` is stable when it completes.
 */
export interface BlockDevice {
  /** What people call it: a path, a URI, a mapped device's name. Used in error messages and tables. */
  readonly name: string;
  /** Bytes; a multiple of `limits.logicalBlockSize`. */
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
  /** Requests are held back for now, flushes too, until somebody lets them through again. Absent: never. */
  readonly suspended?: boolean;

  /** Fills all of `into` from `offset` on. */
  read(offset: number, into: Uint8Array): MaybePromise<void>;
  /** Stores all of `from` at `offset`. */
  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void>;
  /** Makes every write that completed before this call stable. */
  flush(): MaybePromise<void>;
  /** The range's content no longer matters; reading it afterwards gives anything. */
  discard(offset: number, length: number): MaybePromise<void>;
  /** Makes the range read as zeroes. Works on every writable device, natively or by writing. */
  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void>;
  /**
   * Which parts of the range are allocated, in order, without gaps, covering it from `offset` on (a device
   * may stop early, but describes at least one extent). Absent: everything is allocated.
   */
  extents?(offset: number, length: number): MaybePromise<Extent[]>;
  /** What another thread of this process makes the same device of (`adoptFile`). Absent or undefined: it cannot. */
  share?(): FileShare | undefined;
  /** Releases what the device holds. Requests under way complete first; later ones fail. */
  close(): Promise<void>;
}

export interface WriteOptions {
  /** Complete only when this write is on stable storage. */
  readonly fua?: boolean;
  /**
   * The caller gives the content of the buffer up: whoever is below may change it in place (encrypt it),
   * which saves a copy. Without it the buffer is left as it was.
   */
  readonly mayClobber?: boolean;
}

export interface WriteZeroesOptions {
  readonly fua?: boolean;
  /** Keep the range allocated (NBD_CMD_FLAG_NO_HOLE, no BLKDEV_ZERO_… unmap). */
  readonly noHole?: boolean;
  /** Fail with NOT_SUPPORTED rather than be as slow as writing (NBD_CMD_FLAG_FAST_ZERO). */
  readonly fast?: boolean;
}

/** Geometry, as the kernel's queue limits name it. Bytes. */
export interface Limits {
  /** Smallest unit of a request; power of two, 512 … 65536. */
  readonly logicalBlockSize: number;
  /** Smallest unit the device writes without reading first; ≥ logicalBlockSize. */
  readonly physicalBlockSize: number;
  /** Preferred smallest request. */
  readonly ioMin: number;
  /** Preferred request size for streaming, 0 = unknown. */
  readonly ioOpt: number;
  /** Largest request the device takes in one piece. */
  readonly maxIoSize: number;
  /** Unit of discard; 0 = no discard. */
  readonly discardGranularity: number;
  /** Where the first physical block (or `ioMin`, if larger) begins; 0 for nearly every device. */
  readonly alignmentOffset: number;
  /** Requests that cross a multiple of this are split below; 0 = none (`chunk_sectors`, in bytes). */
  readonly chunkSize: number;
}

export interface Features {
  readonly discard: boolean;
  /** Zeroes are written faster than data (punched or known to the device). */
  readonly fastZeroes: boolean;
  /** Several connections see each other's completed writes, and a flush on one covers all. */
  readonly multiConnection: boolean;
}

export interface Extent {
  /** Bytes. */
  readonly length: number;
  /** Nothing is stored there (NBD_STATE_HOLE). */
  readonly hole: boolean;
  /** It reads as zeroes (NBD_STATE_ZERO). */
  readonly zero: boolean;
}

export const DEFAULT_LIMITS: Limits = {
  logicalBlockSize: 512,
  physicalBlockSize: 512,
  ioMin: 512,
  ioOpt: 0,
  maxIoSize: 32 * 1024 * 1024,
  discardGranularity: 0,
  alignmentOffset: 0,
  chunkSize: 0,
};
