import os from 'node:os';
import type { BlockDevice, WriteOptions } from '../../block/device.ts';
import { TscryptError } from '../../errors.ts';
import type { MaybePromise } from '../../maybe-promise.ts';
import type { QueueCounters } from '../queue-threads.ts';
import { attrOut, directory, entryOut, FILE_ID, type FileFacts } from './attributes.ts';
import { ByteAccess } from './byte-access.ts';
import { seek } from './holes.ts';
import * as fuse from './protocol.ts';
import type { Finisher, FuseRequest } from './request.ts';
import type { FuseServer } from './session.ts';

export interface DeviceFileOptions {
  readonly name: string;
  readonly readOnly: boolean;
  readonly log: (error: unknown) => void;
  /** Somebody closed the file; how many have it open now. */
  readonly closed?: (openCount: number) => void;
}

/**
 * What a hole that the loop driver makes is: blocks that are to read as zeroes; or blocks that need not be kept. `tried`:
 * it is being told that zeroes are not supported, and the zeroes that it then writes to the first block are dropped.
 */
export type HoleMeaning = 'zeroes' | 'tried' | 'discards';

const errno = os.constants.errno;

/**
 * Closing asks for nothing (older kernels are told by ENOSYS that FUSE_FLUSH does not exist). Every copy of a
 * descriptor is closed, and a process of ours that is about to become another program closes those it got from us
 * while the thread that would have to answer waits for it to begin.
 */
const OPEN_FLAGS = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_PARALLEL_DIRECT_WRITES | fuse.FOPEN_NOFLUSH;

const O_ACCMODE = 3;
const O_RDONLY = 0;
/** Part of O_SYNC too. */
const O_DSYNC = 0o10000;
// linux/falloc.h
const FALLOC_FL_KEEP_SIZE = 0x01;
const FALLOC_FL_PUNCH_HOLE = 0x02;
const FALLOC_FL_ZERO_RANGE = 0x10;

const WRITE: WriteOptions = { mayClobber: true };
const WRITE_THROUGH: WriteOptions = { mayClobber: true, fua: true };

/** What would change the directory, in which there is nothing to change. */
const CHANGES = new Set([
  ...[fuse.FUSE_SYMLINK, fuse.FUSE_MKNOD, fuse.FUSE_MKDIR, fuse.FUSE_UNLINK, fuse.FUSE_RMDIR],
  ...[fuse.FUSE_RENAME, fuse.FUSE_LINK, fuse.FUSE_CREATE, fuse.FUSE_RENAME2, fuse.FUSE_TMPFILE],
]);

/**
 * A file system of one file, which is a block device: the file has the device's size and cannot be given another one,
 * reads and writes at any byte reach the device at once (no page cache keeps a second copy), and fsync(2)
 * flushes it.
 */
export class DeviceFile implements FuseServer, Finisher {
  readonly #device: BlockDevice;
  readonly #access: ByteAccess;
  readonly #options: DeviceFileOptions;
  readonly #time = Math.floor(Date.now() / 1000);
  #size: number;
  #openCount = 0;
  #lastHandle = 0;
  /** The one through which the loop device works. */
  #loopHandle: number | undefined;
  #holes: HoleMeaning = 'zeroes';
  /** Written to since the last flush. */
  #dirty = false;
  readonly #counters = {
    reads: 0,
    readBytes: 0,
    writes: 0,
    writtenBytes: 0,
    flushes: 0,
    others: 0,
    errors: 0,
  };

  constructor(device: BlockDevice, options: DeviceFileOptions) {
    this.#device = device;
    this.#access = new ByteAccess(device);
    this.#options = options;
    this.#size = device.size;
  }

  /** How often the file is open. */
  get openCount(): number {
    return this.#openCount;
  }

  get counters(): QueueCounters {
    return { ...this.#counters };
  }

  /** Makes stable what was written and never flushed. */
  async settle(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    try {
      await this.#device.flush();
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
  }

  /** What the kernel is told from now on. Bytes. */
  resize(size: number): void {
    this.#size = size;
  }

  /** Whoever has the file open now, and is the only one, gives it to the loop driver. */
  markLoop(): void {
    if (this.#openCount === 1) this.#loopHandle = this.#lastHandle;
  }

  /** What the kernel's loop driver means by making a hole, from now on. */
  set holes(meaning: HoleMeaning) {
    this.#holes = meaning;
  }

  serve(request: FuseRequest): void {
    try {
      const { opcode } = request;
      if (opcode === fuse.FUSE_READ) this.#read(request);
      else if (opcode === fuse.FUSE_WRITE) this.#write(request);
      else this.#other(opcode, request);
    } catch (error) {
      this.finished(request, error);
    }
  }

  finished(request: FuseRequest, error: unknown): void {
    const { opcode, length } = request;
    if (error instanceof Refusal) {
      request.done(error.errno);
    } else if (error !== undefined) {
      this.#counters.errors += 1;
      // A flush that failed is still due.
      if (opcode === fuse.FUSE_FSYNC) this.#dirty = true;
      request.done(this.#errnoOf(error));
    } else if (opcode === fuse.FUSE_READ) request.doneReading(length);
    else if (opcode === fuse.FUSE_WRITE) request.doneWriting(length);
    else request.done(0);
  }

  #read(request: FuseRequest): void {
    if (request.node !== FILE_ID) throw refusal('EISDIR');
    const length = this.#lengthOf(request);
    this.#counters.reads += 1;
    this.#counters.readBytes += length;
    request.length = length;
    this.#finish(request, length === 0 ? undefined : this.#access.read(request.offset, request.data(length)));
  }

  #write(request: FuseRequest): void {
    const length = this.#lengthOf(request);
    if (this.#readOnly) throw refusal('EROFS');
    if (length === 0 && request.size > 0) throw refusal('ENOSPC');
    request.length = length;
    if (this.#holes === 'tried' && request.offset === 0) {
      request.doneWriting(length);
      return;
    }
    this.#counters.writes += 1;
    this.#counters.writtenBytes += length;
    this.#dirty = true;
    const options = (request.flags & O_DSYNC) === 0 ? WRITE : WRITE_THROUGH;
    this.#finish(request, this.#access.write(request.offset, request.data(length), options));
  }

  /** Everything that is not asked for often. */
  #other(opcode: number, request: FuseRequest): void {
    const { node } = request;
    switch (opcode) {
      case fuse.FUSE_FORGET:
      case fuse.FUSE_BATCH_FORGET:
      // What is under way cannot be taken back; it is answered when it is done.
      case fuse.FUSE_INTERRUPT:
        request.dismiss();
        return;
      case fuse.FUSE_LOOKUP:
        if (nameOf(request) !== this.#options.name) throw refusal('ENOENT');
        request.doneWith(entryOut(this.#facts));
        return;
      case fuse.FUSE_GETATTR:
        request.doneWith(attrOut(node, this.#facts));
        return;
      case fuse.FUSE_SETATTR:
        this.#setAttributes(request);
        return;
      case fuse.FUSE_OPEN:
        this.#open(request);
        return;
      case fuse.FUSE_RELEASE:
        this.#openCount -= 1;
        request.done(0);
        this.#options.closed?.(this.#openCount);
        return;
      case fuse.FUSE_FSYNC:
        this.#flush(request);
        return;
      case fuse.FUSE_STATFS:
        request.doneWith(this.#statfs());
        return;
      case fuse.FUSE_FALLOCATE:
        this.#fallocate(request);
        return;
      case fuse.FUSE_LSEEK:
        this.#seek(request);
        return;
      case fuse.FUSE_OPENDIR:
        request.doneWith(fuse.OpenOut.encode({ fh: 0, openFlags: 0, backingId: undefined }));
        return;
      case fuse.FUSE_READDIR:
        request.doneWith(directory(this.#facts, request.offset, request.size));
        return;
      case fuse.FUSE_RELEASEDIR:
      case fuse.FUSE_FSYNCDIR:
      case fuse.FUSE_DESTROY:
        request.done(0);
        return;
      case fuse.FUSE_IOCTL:
        throw refusal('ENOTTY');
      default:
        throw refusal(CHANGES.has(opcode) ? 'EPERM' : 'ENOSYS');
    }
  }

  #open(request: FuseRequest): void {
    const { flags } = fuse.OpenIn.decode(request.body());
    if (this.#readOnly && (flags & O_ACCMODE) !== O_RDONLY) throw refusal('EROFS');
    this.#openCount += 1;
    this.#lastHandle += 1;
    request.doneWith(
      fuse.OpenOut.encode({ fh: this.#lastHandle, openFlags: OPEN_FLAGS, backingId: undefined }),
    );
  }

  /** Times are taken and forgotten, as they are of a device's node; size, mode and owner are not for users to set. */
  #setAttributes(request: FuseRequest): void {
    const { valid, size } = fuse.SetattrIn.decode(request.body());
    if ((valid & (fuse.FATTR_MODE | fuse.FATTR_UID | fuse.FATTR_GID)) !== 0) throw refusal('EPERM');
    if ((valid & fuse.FATTR_SIZE) !== 0 && size !== this.#size) throw refusal('EINVAL');
    request.doneWith(attrOut(request.node, this.#facts));
  }

  #flush(request: FuseRequest): void {
    this.#counters.flushes += 1;
    // Before it begins: a write that comes meanwhile is not covered by it.
    this.#dirty = false;
    this.#finish(request, this.#device.flush());
  }

  /**
   * A hole reads as zeroes, which is more than a discarded block has to: so this is the device's zeroes, and refused
   * where those are no cheaper than what the kernel would write instead. A loop device may mean discards by it.
   */
  #fallocate(request: FuseRequest): void {
    const { fh, offset, length, mode } = fuse.FallocateIn.decode(request.body());
    const kind = mode & ~FALLOC_FL_KEEP_SIZE;
    if (this.#readOnly) throw refusal('EROFS');
    if (offset + length > this.#size) throw refusal('ENOSPC');
    // Preallocation: a device has all its blocks.
    if (kind === 0) {
      request.done(0);
      return;
    }
    if (kind !== FALLOC_FL_PUNCH_HOLE && kind !== FALLOC_FL_ZERO_RANGE) throw refusal('EOPNOTSUPP');
    const discards = this.#holes === 'discards' && fh === this.#loopHandle && kind === FALLOC_FL_PUNCH_HOLE;
    if (!discards && !this.#device.features.fastZeroes) throw refusal('EOPNOTSUPP');
    this.#counters.others += 1;
    this.#dirty = true;
    if (discards) this.#finish(request, this.#device.discard(offset, length));
    else this.#finish(request, this.#access.writeZeroes(offset, length, kind === FALLOC_FL_ZERO_RANGE));
  }

  #seek(request: FuseRequest): void {
    const { offset, whence } = fuse.LseekIn.decode(request.body());
    seek(this.#device, this.#size, offset, whence).then(
      (found) => {
        if (found === undefined) request.done(errno.ENXIO);
        else request.doneWith(fuse.LseekOut.encode({ offset: found }));
      },
      (error) => this.finished(request, error),
    );
  }

  #statfs(): Uint8Array {
    const { discardGranularity } = this.#device.limits;
    // What the loop driver takes for the granularity of discards.
    const bsize = discardGranularity || this.#facts.blockSize;
    return fuse.StatfsOut.encode({
      blocks: Math.floor(this.#size / bsize),
      bfree: 0,
      bavail: 0,
      files: 1,
      ffree: 0,
      bsize,
      namelen: 255,
      frsize: bsize,
      padding: undefined,
    });
  }

  #finish(request: FuseRequest, done: MaybePromise<void>): void {
    if (done instanceof Promise) request.finishLater(done, this);
    else this.finished(request, undefined);
  }

  /** How much of a read or write lies before the end. */
  #lengthOf(request: FuseRequest): number {
    return Math.max(0, Math.min(request.size, this.#size - request.offset));
  }

  get #readOnly(): boolean {
    return this.#options.readOnly || this.#device.readOnly;
  }

  get #facts(): FileFacts {
    const { logicalBlockSize, physicalBlockSize } = this.#device.limits;
    return {
      name: this.#options.name,
      size: this.#size,
      readOnly: this.#readOnly,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      blockSize: Math.max(4096, logicalBlockSize, physicalBlockSize),
      time: this.#time,
    };
  }

  /** The kernel takes errno values below 512. */
  #errnoOf(error: unknown): number {
    if (error instanceof TscryptError) return (errno as Record<string, number>)[error.errno] ?? errno.EIO;
    this.#options.log(error);
    return errno.EIO;
  }
}

/** What the protocol lets us refuse; no failure of the device. */
class Refusal {
  readonly errno: number;
  constructor(value: number) {
    this.errno = value;
  }
}

function refusal(name: keyof typeof errno): Refusal {
  return new Refusal(errno[name]);
}

function nameOf(request: FuseRequest): string {
  const bytes = request.body();
  return bytes.toString('utf8', 0, Math.max(0, bytes.indexOf(0)));
}
