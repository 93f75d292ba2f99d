import type { MaybePromise } from '../maybe-promise.ts';
import { addressOf, ffiAvailable } from '../sys/index.ts';
import { AlignedBuffers } from './aligned-buffers.ts';
import type { FileAccess } from './file-access.ts';
import type { FileContext, FileTransfers } from './file-transfers.ts';

/**
 * Past the page cache. The kernel works on the caller's memory itself if that is aligned, as the arena's is; for
 * other memory, and where addresses are not known, there are aligned bounce buffers.
 */
export class DirectAccess implements FileAccess {
  readonly #file: FileContext;
  readonly #transfers: FileTransfers;
  readonly #unit: number;
  readonly #knowsAddresses = ffiAvailable();

  /** @param unit bytes to which memory has to be aligned: the logical block size */
  constructor(file: FileContext, transfers: FileTransfers, unit: number) {
    this.#file = file;
    this.#transfers = transfers;
    this.#unit = unit;
  }

  get writesStably(): boolean {
    return this.#transfers.writesStably;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (this.#isAligned(into)) return this.#transfers.read(offset, into, 0);
    return this.#file.requests.track(this.#bounceRead(offset, into));
  }

  write(offset: number, from: Uint8Array, stable: boolean): MaybePromise<void> {
    if (this.#isAligned(from)) return this.#transfers.write(offset, from, 0, stable);
    return this.#file.requests.track(this.#bounceWrite(offset, from, stable));
  }

  #isAligned(bytes: Uint8Array): boolean {
    return this.#knowsAddresses && addressOf(bytes) % this.#unit === 0;
  }

  async #bounceRead(offset: number, into: Uint8Array): Promise<void> {
    const slot = await AlignedBuffers.acquire();
    try {
      for (let at = 0; at < into.length; at += slot.length) {
        const piece = slot.subarray(0, Math.min(slot.length, into.length - at));
        await this.#transfers.read(offset + at, piece, 0);
        into.set(piece, at);
      }
    } finally {
      AlignedBuffers.release(slot);
    }
  }

  async #bounceWrite(offset: number, from: Uint8Array, stable: boolean): Promise<void> {
    const slot = await AlignedBuffers.acquire();
    try {
      for (let at = 0; at < from.length; at += slot.length) {
        const piece = slot.subarray(0, Math.min(slot.length, from.length - at));
        piece.set(from.subarray(at, at + piece.length));
        await this.#transfers.write(offset + at, piece, 0, stable);
      }
    } finally {
      AlignedBuffers.release(slot);
    }
  }
}
