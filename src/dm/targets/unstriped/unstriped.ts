import type { BlockDevice, Extent, Limits, WriteOptions, WriteZeroesOptions } from '../../../block/device.ts';
import { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { chunkExtents } from '../../extents.ts';
import { limitsBelow } from '../../limits.ts';
import { inPieces } from '../../pieces.ts';
import type { DeviceArea, Target, TargetFeatures } from '../../target.ts';
import { formatUnstripedArguments, type UnstripedArguments } from './args.ts';

/** Ranges of zeroes that are under way at a time. */
const DEPTH = 16;

/**
 * One stripe of a device that is striped, by itself: the inverse of the striped target. The core makes no read or
 * write longer than a chunk.
 */
export class UnstripedTarget implements Target {
  readonly areas: readonly DeviceArea[];
  /** Bytes. */
  readonly maxIoLength: number;
  readonly #args: UnstripedArguments;
  readonly #device: BlockDevice;
  /** Bytes: where the stripe's first chunk lies. */
  readonly #start: number;
  /** Bytes between a chunk's end and the next one's beginning. */
  readonly #gap: number;

  /** @param length sectors */
  constructor(args: UnstripedArguments, length: number) {
    const { device } = args.below;
    const chunk = args.chunk * SECTOR_SIZE;
    this.#args = args;
    this.#device = device;
    this.maxIoLength = chunk;
    this.#start = args.offset * SECTOR_SIZE + args.stripe * chunk;
    this.#gap = (args.stripes - 1) * chunk;
    // As the kernel sees it when it checks a table: as if the stripe lay in one piece.
    this.areas = [{ device, start: args.offset * SECTOR_SIZE, length: length * SECTOR_SIZE }];
  }

  get limits(): Limits {
    return { ...limitsBelow(this.areas), chunkSize: this.maxIoLength, discardGranularity: 0 };
  }

  get features(): TargetFeatures {
    const { fastZeroes, multiConnection } = this.#device.features;
    return { discard: false, fastZeroes, multiConnection };
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    return this.#device.read(this.#placeOf(offset, into.length), into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    return this.#device.write(this.#placeOf(offset, from.length), from, options);
  }

  /** The kernel drops it. */
  flush(): MaybePromise<void> {
    return this.#device.flush();
  }

  discard(): never {
    throw new TscryptError('NOT_SUPPORTED', 'An unstriped target does not discard.', {
      errno: 'EOPNOTSUPP',
      details: { target: 'unstriped' },
    });
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    const chunk = this.maxIoLength;
    const first = offset - (offset % chunk);
    // Pieces are counted from the chunk in which the range begins.
    return inPieces(offset + length - first, chunk, DEPTH, (from, to) => {
      const begin = Math.max(first + from, offset);
      const size = first + to - begin;
      return this.#device.writeZeroes(this.#placeOf(begin, size), size, options);
    });
  }

  extents(offset: number, length: number): MaybePromise<Extent[]> {
    return chunkExtents(offset, length, this.maxIoLength, (at) => ({
      device: this.#device,
      offset: this.#placeAt(at),
    }));
  }

  statusInfo(): string {
    return '';
  }

  statusTable(): readonly TableArg[] {
    return formatUnstripedArguments(this.#args);
  }

  async destroy(): Promise<void> {}

  /**
   * Where a request lies.
   *
   * @throws TscryptError IO_ERROR past the device's end: the kernel only asks that it be as large as the target
   */
  #placeOf(offset: number, length: number): number {
    const place = this.#placeAt(offset);
    if (place + length <= this.#device.size) return place;
    throw new TscryptError('IO_ERROR', `The stripe goes beyond the end of ${this.#device.name}.`, {
      details: { target: 'unstriped', below: this.#device.name, offset: place, length },
    });
  }

  #placeAt(offset: number): number {
    return this.#start + offset + Math.floor(offset / this.maxIoLength) * this.#gap;
  }
}
