import { TscryptError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { BlockDevice, Extent, Features, Limits, WriteOptions, WriteZeroesOptions } from './device.ts';
import { checkRead, checkWrite, closedError } from './request-check.ts';

export interface SliceOptions {
  readonly name?: string;
  /** Refuse writes even where the device below takes them. */
  readonly readOnly?: boolean;
  /** Closing the slice closes the device below; false if not given. */
  readonly ownsDevice?: boolean;
}

/** A range of another device as a device of its own. */
export class SliceDevice implements BlockDevice {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
  readonly extents?: (offset: number, length: number) => MaybePromise<Extent[]>;
  readonly #device: BlockDevice;
  readonly #start: number;
  readonly #ownsDevice: boolean;
  #closed = false;

  /**
   * @param offset bytes, where the slice starts in `device`
   * @param size bytes; to the end of `device` if not given
   * @throws TscryptError INVALID_ARGUMENT when the range is misaligned or not wholly inside `device`
   */
  constructor(
    device: BlockDevice,
    offset: number,
    size: number = device.size - offset,
    options: SliceOptions = {},
  ) {
    if (size < 0)
      throw new TscryptError('INVALID_ARGUMENT', `Offset ${offset} is past the end of ${device.name}.`);
    checkRead(device, offset, size);
    this.name = options.name ?? device.name;
    this.size = size;
    this.readOnly = device.readOnly || (options.readOnly ?? false);
    this.limits = device.limits;
    this.features = device.features;
    this.#device = device;
    this.#start = offset;
    this.#ownsDevice = options.ownsDevice ?? false;
    if (device.extents) {
      this.extents = (at, length) => {
        this.#checkOpen();
        checkRead(this, at, length);
        return device.extents?.(this.#start + at, length) ?? [];
      };
    }
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    this.#checkOpen();
    checkRead(this, offset, into.length);
    return this.#device.read(this.#start + offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    this.#checkOpen();
    checkWrite(this, offset, from.length);
    return this.#device.write(this.#start + offset, from, options);
  }

  flush(): MaybePromise<void> {
    this.#checkOpen();
    return this.#device.flush();
  }

  discard(offset: number, length: number): MaybePromise<void> {
    this.#checkOpen();
    checkWrite(this, offset, length);
    return this.#device.discard(this.#start + offset, length);
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    this.#checkOpen();
    checkWrite(this, offset, length);
    return this.#device.writeZeroes(this.#start + offset, length, options);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#ownsDevice) await this.#device.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError(this.name);
  }
}
