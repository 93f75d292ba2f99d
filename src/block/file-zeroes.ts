import { TscryptError } from '../errors.ts';
import { discardBlocks, ffiAvailable, punchHole, zeroRange } from '../sys/index.ts';
import type { WriteZeroesOptions } from './device.ts';
import type { FileAccess } from './file-access.ts';
import type { FileGeometry } from './file-geometry.ts';
import { type FileContext, fileFailure } from './file-transfers.ts';

const ZEROES = new Uint8Array(256 * 1024);

/** Storage given back and ranges made zero: by the file system or the disk where it can, else by writing zeroes. */
export class FileZeroes {
  readonly #file: FileContext;
  readonly #access: FileAccess;
  readonly #disk: boolean;
  readonly #fast: boolean;
  /** Not known to be refused. */
  #punches = ffiAvailable();
  #zeroes = ffiAvailable();

  /** @param fast the device says that it makes zeroes faster than by writing */
  constructor(file: FileContext, access: FileAccess, geometry: FileGeometry, fast: boolean) {
    this.#file = file;
    this.#access = access;
    this.#disk = geometry.disk;
    this.#fast = fast;
  }

  async discard(offset: number, length: number): Promise<void> {
    try {
      const { fd } = this.#file;
      await (this.#disk ? discardBlocks(fd, offset, length) : punchHole(fd, offset, length));
    } catch (error) {
      throw fileFailure(this.#file, error, this.#disk ? 'discard' : 'punch a hole into', offset);
    }
  }

  /** Rejects with NOT_SUPPORTED where it is to be `fast` and cannot be. */
  async write(offset: number, length: number, options: WriteZeroesOptions): Promise<void> {
    if (await this.#natively(offset, length, options)) return;
    if (options.fast) {
      throw new TscryptError('NOT_SUPPORTED', `${this.#file.name} writes zeroes no faster than data.`, {
        details: { device: this.#file.name },
      });
    }
    for (let at = 0; at < length; at += ZEROES.length) {
      await this.#access.write(offset + at, ZEROES.subarray(0, Math.min(ZEROES.length, length - at)), false);
    }
  }

  async #natively(offset: number, length: number, options: WriteZeroesOptions): Promise<boolean> {
    // A disk without that ability is made to do it all the same, by the kernel, which writes: better than our writing.
    if (this.#disk && !this.#fast && options.fast) return false;
    const { fd } = this.#file;
    const punch = this.#fast && !options.noHole && this.#punches;
    if (punch && (await this.#attempt(punchHole(fd, offset, length), offset))) return true;
    if (punch) this.#punches = false;
    if (!this.#zeroes) return false;
    this.#zeroes = await this.#attempt(zeroRange(fd, offset, length), offset);
    return this.#zeroes;
  }

  /** @returns false where the file system or disk does not offer it */
  async #attempt(done: Promise<void>, offset: number): Promise<boolean> {
    try {
      await done;
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOPNOTSUPP' || code === 'ENOTSUP') return false;
      throw fileFailure(this.#file, error, 'write zeroes to', offset);
    }
  }
}
