import type { BlockDevice, WriteOptions } from '../../block/device.ts';
import type { MaybePromise } from '../../maybe-promise.ts';
import { alignDown, alignUp } from '../../units.ts';

/**
 * A block device read and written at any byte, as files are. Whole blocks go straight to the device. For parts of
 * blocks the blocks are read, changed and written back, with no other write under way meanwhile: one that completed
 * in between would be undone.
 */
export class ByteAccess {
  readonly #device: BlockDevice;
  /** Writes of whole blocks under way. */
  #writes = 0;
  /** Who wants, or has, the device to itself. */
  #exclusive = 0;
  #last: Promise<unknown> = Promise.resolve();
  #drained: (() => void) | undefined;

  constructor(device: BlockDevice) {
    this.#device = device;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (this.#isWhole(offset, into.length)) return this.#device.read(offset, into);
    return this.#readPart(offset, into);
  }

  write(offset: number, from: Uint8Array, options: WriteOptions): MaybePromise<void> {
    if (!this.#isWhole(offset, from.length)) return this.#alone(() => this.#writePart(offset, from, options));
    if (this.#exclusive > 0) return this.#last.then(() => this.write(offset, from, options));
    return this.#counted(this.#device.write(offset, from, options));
  }

  /** @param noHole the range stays allocated */
  writeZeroes(offset: number, length: number, noHole: boolean): MaybePromise<void> {
    if (!this.#isWhole(offset, length)) return this.#alone(() => this.#zeroPart(offset, length, noHole));
    if (this.#exclusive > 0) return this.#last.then(() => this.writeZeroes(offset, length, noHole));
    return this.#counted(this.#device.writeZeroes(offset, length, { noHole }));
  }

  #isWhole(offset: number, length: number): boolean {
    const unit = this.#device.limits.logicalBlockSize;
    return offset % unit === 0 && length % unit === 0;
  }

  #counted(done: MaybePromise<void>): MaybePromise<void> {
    if (!(done instanceof Promise)) return;
    this.#writes += 1;
    done.then(this.#settled, this.#settled);
    return done;
  }

  readonly #settled = (): void => {
    this.#writes -= 1;
    if (this.#writes === 0) this.#drained?.();
  };

  /** Runs `change` with no write under way; new ones wait for it. */
  #alone(change: () => Promise<void>): Promise<void> {
    this.#exclusive += 1;
    const done = this.#last.then(async () => {
      try {
        if (this.#writes > 0) {
          await new Promise<void>((resolve) => {
            this.#drained = resolve;
          });
          this.#drained = undefined;
        }
        await change();
      } finally {
        this.#exclusive -= 1;
      }
    });
    this.#last = done.catch(() => {});
    return done;
  }

  async #readPart(offset: number, into: Uint8Array): Promise<void> {
    const { start, blocks } = this.#around(offset, into.length);
    await this.#device.read(start, blocks);
    into.set(blocks.subarray(offset - start, offset - start + into.length));
  }

  async #writePart(offset: number, from: Uint8Array, options: WriteOptions): Promise<void> {
    const { start, blocks } = this.#around(offset, from.length);
    await this.#device.read(start, blocks);
    blocks.set(from, offset - start);
    await this.#device.write(start, blocks, options);
  }

  async #zeroPart(offset: number, length: number, noHole: boolean): Promise<void> {
    const unit = this.#device.limits.logicalBlockSize;
    const end = offset + length;
    const first = Math.min(alignUp(offset, unit), end);
    const last = Math.max(alignDown(end, unit), first);
    if (first > offset) await this.#writePart(offset, new Uint8Array(first - offset), {});
    if (last > first) await this.#device.writeZeroes(first, last - first, { noHole });
    if (end > last) await this.#writePart(last, new Uint8Array(end - last), {});
  }

  #around(offset: number, length: number): { start: number; blocks: Buffer } {
    const unit = this.#device.limits.logicalBlockSize;
    const start = alignDown(offset, unit);
    return { start, blocks: Buffer.allocUnsafe(alignUp(offset + length, unit) - start) };
  }
}
