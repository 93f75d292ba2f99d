import type {
  BlockDevice,
  Extent,
  Features,
  Limits,
  WriteOptions,
  WriteZeroesOptions,
} from '../block/device.ts';
import type { FileShare } from '../block/file-share.ts';
import { closedError } from '../block/request-check.ts';
import type { MaybePromise } from '../maybe-promise.ts';

/** One opening of a device that several share: closing it ends this use only. */
export class OpenedDevice implements BlockDevice {
  #device: BlockDevice | undefined;
  readonly #shared: BlockDevice;
  readonly #release: () => MaybePromise<void>;

  /** @param release called once, when this use ends */
  constructor(device: BlockDevice, release: () => MaybePromise<void>) {
    this.#device = device;
    this.#shared = device;
    this.#release = release;
  }

  /** What is shared. */
  get opened(): BlockDevice {
    return this.#shared;
  }

  get name(): string {
    return this.#shared.name;
  }

  get size(): number {
    return this.#shared.size;
  }

  get readOnly(): boolean {
    return this.#shared.readOnly;
  }

  get limits(): Limits {
    return this.#shared.limits;
  }

  get features(): Features {
    return this.#shared.features;
  }

  get suspended(): boolean {
    return this.#shared.suspended ?? false;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    return this.#open.read(offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    return this.#open.write(offset, from, options);
  }

  flush(): MaybePromise<void> {
    return this.#open.flush();
  }

  discard(offset: number, length: number): MaybePromise<void> {
    return this.#open.discard(offset, length);
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    return this.#open.writeZeroes(offset, length, options);
  }

  extents(offset: number, length: number): MaybePromise<Extent[]> {
    const device = this.#open;
    return device.extents?.(offset, length) ?? [{ length, hole: false, zero: false }];
  }

  share(): FileShare | undefined {
    return this.#device?.share?.();
  }

  async close(): Promise<void> {
    if (!this.#device) return;
    this.#device = undefined;
    await this.#release();
  }

  get #open(): BlockDevice {
    if (!this.#device) throw closedError(this.name);
    return this.#device;
  }
}
