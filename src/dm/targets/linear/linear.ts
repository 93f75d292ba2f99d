import type {
  BlockDevice,
  Extent,
  Features,
  Limits,
  WriteOptions,
  WriteZeroesOptions,
} from '../../../block/device.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { allocated } from '../../extents.ts';
import { limitsBelow } from '../../limits.ts';
import type { DeviceArea, Target } from '../../target.ts';
import { formatLinearArguments, type LinearArguments } from './args.ts';

/** A range of a device, at another place. Everything passes through, errors included. */
export class LinearTarget implements Target {
  readonly maxIoLength = 0;
  readonly flushBypassesMap = true;
  readonly areas: readonly DeviceArea[];
  readonly #args: LinearArguments;
  readonly #device: BlockDevice;
  /** Bytes. */
  readonly #start: number;

  /** @param length sectors */
  constructor(args: LinearArguments, length: number) {
    this.#args = args;
    this.#device = args.below.device;
    this.#start = args.offset * SECTOR_SIZE;
    this.areas = [{ device: this.#device, start: this.#start, length: length * SECTOR_SIZE }];
  }

  get limits(): Limits {
    return limitsBelow(this.areas);
  }

  get features(): Features {
    return this.#device.features;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    return this.#device.read(this.#start + offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    return this.#device.write(this.#start + offset, from, options);
  }

  flush(): MaybePromise<void> {
    return this.#device.flush();
  }

  discard(offset: number, length: number): MaybePromise<void> {
    return this.#device.discard(this.#start + offset, length);
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    return this.#device.writeZeroes(this.#start + offset, length, options);
  }

  extents(offset: number, length: number): MaybePromise<Extent[]> {
    return this.#device.extents?.(this.#start + offset, length) ?? [allocated(length)];
  }

  statusInfo(): string {
    return '';
  }

  statusTable(): readonly TableArg[] {
    return formatLinearArguments(this.#args);
  }

  async destroy(): Promise<void> {}
}
