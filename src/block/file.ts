import { read as fsRead, write as fsWrite, readSync, type Stats, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { fromSystemError, TscryptError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import { canPunchHoles, punchHole } from '../sys/index.ts';
import { AlignedBuffers } from './aligned-buffers.ts';
import {
  type BlockDevice,
  DEFAULT_LIMITS,
  type Features,
  type Limits,
  type WriteOptions,
  type WriteZeroesOptions,
} from './device.ts';
import { diskGeometry, type FileGeometry, openHandle, regularFileGeometry } from './file-geometry.ts';
import type { FileAccess, FileDescriptor, FileShare } from './file-share.ts';
import { Flushes } from './flushes.ts';
import { checkRead, checkWrite, closedError } from './request-check.ts';
import { Requests } from './requests.ts';

export interface OpenFileOptions {
  readonly readOnly?: boolean;
  /** Bypass the page cache (O_DIRECT). */
  readonly direct?: boolean;
  /** Claim a disk for this process alone (O_EXCL); regular files are not affected. */
  readonly exclusive?: boolean;
}

/**
 * A regular file or a disk as a block device. A file whose length is no multiple of 512 is used without its
 * last bytes, as the kernel's loop driver does.
 *
 * @throws TscryptError NO_SUCH_DEVICE (missing or of the wrong kind), PERMISSION_DENIED, READ_ONLY,
 *   DEVICE_BUSY (`exclusive`), NOT_SUPPORTED (`direct` where the file system has none)
 */
export async function openFile(path: string, options: OpenFileOptions = {}): Promise<BlockDevice> {
  const readOnly = options.readOnly ?? false;
  const direct = options.direct ?? false;
  const { handle, stats } = await openHandle(path, {
    readOnly,
    direct,
    exclusive: options.exclusive ?? false,
  });
  try {
    const geometry = stats.isBlockDevice()
      ? await diskGeometry(path, handle, stats)
      : await regularFileGeometry(path, handle, stats, direct);
    const access = direct ? 'direct' : (await livesInMemory(path, stats)) ? 'memory' : 'cached';
    const holes = !readOnly && stats.isFile() && (await canPunchHoles(handle.fd, stats.size));
    return new FileDevice(path, handle, geometry, readOnly, access, holes);
  } catch (error) {
    await handle.close().catch(() => {});
    throw fromSystemError(error, `Cannot use ${path}`, { device: path });
  }
}

const ZEROES = new Uint8Array(256 * 1024);
/** Longest request served inline; copying more would hold up everything else. */
const INLINE_MAX = 1024 * 1024;

/** {@link openFile} makes these, and `adoptFile` for other threads. */
export class FileDevice implements BlockDevice {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
  readonly #handle: FileDescriptor;
  readonly #fd: number;
  readonly #access: FileAccess;
  readonly #geometry: FileGeometry;
  readonly #requests = new Requests();
  readonly #flushes = new Flushes(() => this.#datasync());

  /** @param holes parts of the file can be given back, which is how it discards and writes zeroes */
  constructor(
    name: string,
    handle: FileDescriptor,
    geometry: FileGeometry,
    readOnly: boolean,
    access: FileAccess,
    holes: boolean,
  ) {
    this.name = name;
    this.size = geometry.size;
    this.readOnly = readOnly;
    this.limits = {
      ...DEFAULT_LIMITS,
      logicalBlockSize: geometry.logicalBlockSize,
      physicalBlockSize: geometry.physicalBlockSize,
      ioMin: geometry.physicalBlockSize,
      ioOpt: geometry.ioOpt,
      discardGranularity: holes ? geometry.physicalBlockSize : 0,
    };
    this.features = { discard: holes, fastZeroes: holes, multiConnection: true };
    this.#handle = handle;
    this.#fd = handle.fd;
    this.#access = access;
    this.#geometry = geometry;
  }

  share(): FileShare {
    return {
      fd: this.#fd,
      name: this.name,
      geometry: this.#geometry,
      readOnly: this.readOnly,
      access: this.#access,
      holes: this.features.discard,
    };
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    checkRead(this, offset, into.length);
    if (this.#access === 'memory' && into.length <= INLINE_MAX) return this.#readInline(offset, into);
    if (this.#access === 'direct') return this.#requests.track(this.#readDirect(offset, into));
    return this.#requests.track(this.#readAll(offset, into));
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    checkWrite(this, offset, from.length);
    if (this.#access === 'memory' && from.length <= INLINE_MAX) return this.#writeInline(offset, from);
    const done = this.#access === 'direct' ? this.#writeDirect(offset, from) : this.#writeAll(offset, from);
    return this.#requests.track(options?.fua ? done.then(() => this.#flushes.flush()) : done);
  }

  flush(): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    if (this.readOnly || this.#access === 'memory') return;
    return this.#requests.track(this.#flushes.flush());
  }

  discard(offset: number, length: number): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    checkWrite(this, offset, length);
    if (!this.features.discard) {
      throw new TscryptError('NOT_SUPPORTED', `${this.name} has no discard.`, {
        details: { device: this.name },
      });
    }
    if (length > 0) return this.#requests.track(this.#punch(offset, length, false));
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    checkWrite(this, offset, length);
    const fua = options?.fua ?? false;
    if (this.features.fastZeroes && !options?.noHole && length > 0) {
      return this.#requests.track(this.#punch(offset, length, fua));
    }
    if (options?.fast) {
      throw new TscryptError('NOT_SUPPORTED', `${this.name} writes zeroes no faster than data.`, {
        details: { device: this.name },
      });
    }
    return this.#requests.track(this.#writeZeroes(offset, length, fua));
  }

  async close(): Promise<void> {
    if (!(await this.#requests.close())) return;
    try {
      await this.#handle.close();
    } catch (error) {
      throw this.#failure(error, 'close', 0);
    }
  }

  async #punch(offset: number, length: number, fua: boolean): Promise<void> {
    try {
      await punchHole(this.#fd, offset, length);
    } catch (error) {
      throw this.#failure(error, 'punch a hole into', offset);
    }
    if (fua) await this.#flushes.flush();
  }

  async #writeZeroes(offset: number, length: number, fua: boolean): Promise<void> {
    const put = this.#access === 'direct' ? this.#writeDirect : this.#writeAll;
    for (let at = 0; at < length; at += ZEROES.length) {
      await put.call(this, offset + at, ZEROES.subarray(0, Math.min(ZEROES.length, length - at)));
    }
    if (fua) await this.#flushes.flush();
  }

  #readInline(offset: number, into: Uint8Array): void {
    try {
      for (let got = 0; got < into.length; ) {
        const count = readSync(this.#fd, into, got, into.length - got, offset + got);
        if (count === 0) throw this.#truncated(offset + got);
        got += count;
      }
    } catch (error) {
      throw this.#failure(error, 'read', offset);
    }
  }

  #writeInline(offset: number, from: Uint8Array): void {
    try {
      for (let put = 0; put < from.length; ) {
        put += writeSync(this.#fd, from, put, from.length - put, offset + put);
      }
    } catch (error) {
      throw this.#failure(error, 'write', offset);
    }
  }

  #readAll(offset: number, into: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (got: number): void => {
        fsRead(this.#fd, into, got, into.length - got, offset + got, (error, count) => {
          if (error) reject(this.#failure(error, 'read', offset));
          else if (got + count >= into.length) resolve();
          else if (count === 0) reject(this.#truncated(offset + got));
          else step(got + count);
        });
      };
      step(0);
    });
  }

  #writeAll(offset: number, from: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (put: number): void => {
        fsWrite(this.#fd, from, put, from.length - put, offset + put, (error, count) => {
          if (error) reject(this.#failure(error, 'write', offset));
          else if (put + count >= from.length) resolve();
          else step(put + count);
        });
      };
      step(0);
    });
  }

  async #readDirect(offset: number, into: Uint8Array): Promise<void> {
    const slot = await AlignedBuffers.acquire();
    try {
      for (let at = 0; at < into.length; at += slot.length) {
        const piece = slot.subarray(0, Math.min(slot.length, into.length - at));
        await this.#readAll(offset + at, piece);
        into.set(piece, at);
      }
    } finally {
      AlignedBuffers.release(slot);
    }
  }

  async #writeDirect(offset: number, from: Uint8Array): Promise<void> {
    const slot = await AlignedBuffers.acquire();
    try {
      for (let at = 0; at < from.length; at += slot.length) {
        const piece = slot.subarray(0, Math.min(slot.length, from.length - at));
        piece.set(from.subarray(at, at + piece.length));
        await this.#writeAll(offset + at, piece);
      }
    } finally {
      AlignedBuffers.release(slot);
    }
  }

  async #datasync(): Promise<void> {
    if (this.#access === 'memory') return;
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw this.#failure(error, 'flush', 0);
    }
  }

  #truncated(offset: number): TscryptError {
    return new TscryptError('IO_ERROR', `${this.name} ends at ${offset}, before its size when opened.`, {
      details: { device: this.name, offset, size: this.size },
    });
  }

  #failure(error: unknown, operation: string, offset: number): TscryptError {
    return fromSystemError(error, `Cannot ${operation} ${this.name} at ${offset}`, {
      device: this.name,
      offset,
    });
  }
}

const TMPFS_MAGIC = 0x0102_1994;
const RAMFS_MAGIC = 0x8584_58f6;

/** Files of tmpfs and ramfs (statfs(2), f_type): reading them never waits for a disk. */
async function livesInMemory(path: string, stats: Stats): Promise<boolean> {
  if (!stats.isFile()) return false;
  const { type } = await statfs(path);
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
}
