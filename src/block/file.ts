import type { Stats } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { fromSystemError, TscryptError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import {
  type BlockDevice,
  DEFAULT_LIMITS,
  type Features,
  type Limits,
  type WriteOptions,
  type WriteZeroesOptions,
} from './device.ts';
import type { FileAccess, FileAccessKind } from './file-access.ts';
import { accessFile } from './file-access-choice.ts';
import { diskGeometry, type FileGeometry, openHandle, regularFileGeometry } from './file-geometry.ts';
import type { FileDescriptor, FileShare } from './file-share.ts';
import { FileZeroes } from './file-zeroes.ts';
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
      : await regularFileGeometry(path, handle, stats, { readOnly, direct });
    const access = direct ? 'direct' : (await livesInMemory(path, stats)) ? 'memory' : 'cached';
    // Whoever holds `close` holds the handle, which would otherwise close the descriptor when collected.
    const descriptor = { fd: handle.fd, close: () => handle.close() };
    return new FileDevice(path, descriptor, geometry, readOnly, access);
  } catch (error) {
    await handle.close().catch(() => {});
    throw fromSystemError(error, `Cannot use ${path}`, { device: path });
  }
}

/** {@link openFile} makes these, and `adoptFile` for other threads. */
export class FileDevice implements BlockDevice {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
  readonly #descriptor: FileDescriptor;
  readonly #geometry: FileGeometry;
  readonly #kind: FileAccessKind;
  readonly #access: FileAccess;
  readonly #zeroes: FileZeroes;
  readonly #requests = new Requests();
  readonly #flushes: Flushes;

  constructor(
    name: string,
    descriptor: FileDescriptor,
    geometry: FileGeometry,
    readOnly: boolean,
    kind: FileAccessKind,
  ) {
    this.name = name;
    this.size = geometry.size;
    this.readOnly = readOnly;
    const discards = !readOnly && geometry.discardGranularity > 0;
    this.limits = {
      ...DEFAULT_LIMITS,
      logicalBlockSize: geometry.logicalBlockSize,
      physicalBlockSize: geometry.physicalBlockSize,
      ioMin: geometry.physicalBlockSize,
      ioOpt: geometry.ioOpt,
      discardGranularity: discards ? geometry.discardGranularity : 0,
    };
    this.features = {
      discard: discards,
      fastZeroes: !readOnly && geometry.fastZeroes,
      multiConnection: true,
    };
    this.#descriptor = descriptor;
    this.#geometry = geometry;
    this.#kind = kind;
    const file = { fd: descriptor.fd, name, size: geometry.size, requests: this.#requests };
    const { access, transfers } = accessFile(kind, file, geometry.logicalBlockSize);
    this.#access = access;
    this.#zeroes = new FileZeroes(file, access, geometry, this.features.fastZeroes);
    const sync = descriptor.datasync ?? (() => transfers.sync());
    this.#flushes = new Flushes(kind === 'memory' ? async () => {} : sync);
  }

  share(): FileShare {
    return {
      fd: this.#descriptor.fd,
      name: this.name,
      geometry: this.#geometry,
      readOnly: this.readOnly,
      access: this.#kind,
    };
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    checkRead(this, offset, into.length);
    if (into.length > 0) return this.#access.read(offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    checkWrite(this, offset, from.length);
    if (from.length === 0) return;
    if (options?.fua && this.#kind !== 'memory') {
      return this.#requests.track(this.#writeStable(offset, from));
    }
    return this.#access.write(offset, from, false);
  }

  flush(): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    if (this.readOnly || this.#kind === 'memory') return;
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
    if (length > 0) return this.#requests.track(this.#zeroes.discard(offset, length));
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    if (this.#requests.closed) throw closedError(this.name);
    checkWrite(this, offset, length);
    if (length > 0) return this.#requests.track(this.#writeZeroes(offset, length, options ?? {}));
  }

  async close(): Promise<void> {
    if (!(await this.#requests.close())) return;
    try {
      await this.#descriptor.close();
    } catch (error) {
      throw fromSystemError(error, `Cannot close ${this.name}`, { device: this.name });
    }
  }

  /**
   * One stable write is faster than a write and a flush, which is about everybody's data. Through the page cache it
   * takes a flush's turn: it may be told of what others lost, so that it is for the owner alone (adopted-file.ts), and
   * where flushes are under way already, the next one serves all who wait.
   */
  async #writeStable(offset: number, from: Uint8Array): Promise<void> {
    const direct = this.#kind === 'direct';
    const inTurn = this.#descriptor.datasync === undefined && this.#flushes.idle;
    if (!this.#access.writesStably || !(direct || inTurn)) {
      await this.#access.write(offset, from, false);
      return this.#flushes.flush();
    }
    let refused: { readonly error: unknown } | undefined;
    const write = async (): Promise<void> => {
      try {
        await this.#access.write(offset, from, true);
      } catch (error) {
        if (!(error instanceof TscryptError) || error.code !== 'NO_SPACE') throw error;
        // No room for this, or for what was written earlier? A plain write tells, and meets only the former.
        try {
          await this.#access.write(offset, from, false);
        } catch (again) {
          refused = { error: again };
          return;
        }
        throw error;
      }
    };
    await (direct ? this.#flushes.beside(write) : this.#flushes.alone(write));
    if (refused) throw refused.error;
  }

  async #writeZeroes(offset: number, length: number, options: WriteZeroesOptions): Promise<void> {
    await this.#zeroes.write(offset, length, options);
    if (options.fua) await this.#flushes.flush();
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
