import type {
  BlockDevice,
  Extent,
  Features,
  Limits,
  WriteOptions,
  WriteZeroesOptions,
} from '../../../block/device.ts';
import { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { chunkExtents } from '../../extents.ts';
import { commonFeatures, limitsBelow } from '../../limits.ts';
import { runPieces } from '../../pieces.ts';
import type { DeviceArea, Target } from '../../target.ts';
import { formatStripedArguments, type StripedArguments } from './args.ts';
import { StripeMap } from './stripe-map.ts';

/** An event for each failure of a stripe, but no more than these (DM_IO_ERROR_THRESHOLD of dm-stripe.c). */
const ERROR_EVENTS = 14;

interface Leg {
  readonly device: BlockDevice;
  readonly label: string;
  /** Bytes. */
  readonly start: number;
  errors: number;
}

/**
 * Data in turns on several devices (RAID 0). The core makes no read or write longer than a chunk, so each
 * goes to one stripe; discards and zeroes are one range on each.
 */
export class StripedTarget implements Target {
  readonly flushBypassesMap = true;
  readonly areas: readonly DeviceArea[];
  readonly #args: StripedArguments;
  readonly #legs: readonly Leg[];
  readonly #map: StripeMap;
  readonly #raiseEvent: () => void;
  /** Bytes. */
  readonly maxIoLength: number;

  /** @param length sectors */
  constructor(args: StripedArguments, length: number, raiseEvent: () => void) {
    const { chunk, stripes } = args;
    this.#args = args;
    this.#raiseEvent = raiseEvent;
    this.maxIoLength = chunk * SECTOR_SIZE;
    this.#map = new StripeMap(stripes.length, this.maxIoLength);
    this.#legs = stripes.map(({ below, offset }) => ({
      device: below.device,
      label: below.label,
      start: offset * SECTOR_SIZE,
      errors: 0,
    }));
    const width = (length / stripes.length) * SECTOR_SIZE;
    this.areas = this.#legs.map(({ device, start }) => ({ device, start, length: width }));
  }

  /** A chunk is the least that is worth a request, a row of them keeps all stripes busy. */
  get limits(): Limits {
    const limits = limitsBelow(this.areas);
    const chunk = this.maxIoLength;
    return {
      ...limits,
      ioMin: Math.max(chunk, limits.physicalBlockSize),
      ioOpt: chunk * this.#legs.length,
      chunkSize: chunk,
    };
  }

  get features(): Features {
    return commonFeatures(this.#legs.map(({ device }) => device.features));
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    const leg = this.#legAt(offset);
    try {
      const done = leg.device.read(leg.start + this.#map.placeAt(offset), into);
      return done instanceof Promise ? done.catch(this.#failed(leg)) : done;
    } catch (error) {
      return this.#fail(leg, error);
    }
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const leg = this.#legAt(offset);
    try {
      const done = leg.device.write(leg.start + this.#map.placeAt(offset), from, options);
      return done instanceof Promise ? done.catch(this.#failed(leg)) : done;
    } catch (error) {
      return this.#fail(leg, error);
    }
  }

  /** Each device once, however many stripes it holds. */
  flush(): MaybePromise<void> {
    const legs = [...new Map(this.#legs.map((leg) => [leg.device, leg])).values()];
    return this.#onEach(legs, ({ device }) => device.flush());
  }

  discard(offset: number, length: number): MaybePromise<void> {
    return this.#onRanges(offset, length, (device, at, size) => device.discard(at, size));
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    return this.#onRanges(offset, length, (device, at, size) => device.writeZeroes(at, size, options));
  }

  extents(offset: number, length: number): MaybePromise<Extent[]> {
    return chunkExtents(offset, length, this.maxIoLength, (at) => {
      const { device, start } = this.#legAt(at);
      return { device, offset: start + this.#map.placeAt(at) };
    });
  }

  /** `<#stripes> <device>… 1 <health>`: A alive, D has failed. */
  statusInfo(): string {
    const labels = this.#legs.map(({ label }) => label);
    const health = this.#legs.map(({ errors }) => (errors > 0 ? 'D' : 'A'));
    return [labels.length, ...labels, '1', health.join('')].join(' ');
  }

  statusTable(): readonly TableArg[] {
    return formatStripedArguments(this.#args);
  }

  async destroy(): Promise<void> {}

  #legAt(offset: number): Leg {
    return this.#legs[this.#map.stripeAt(offset)] as Leg;
  }

  /** What lies between `offset` and its end, as one range of each stripe that has a part in it. */
  #onRanges(
    offset: number,
    length: number,
    request: (device: BlockDevice, at: number, size: number) => MaybePromise<void>,
  ): MaybePromise<void> {
    return this.#onEach(this.#legs, (leg, stripe) => {
      const from = this.#map.sizeBefore(offset, stripe);
      const size = this.#map.sizeBefore(offset + length, stripe) - from;
      if (size > 0) return request(leg.device, leg.start + from, size);
    });
  }

  #onEach(
    legs: readonly Leg[],
    request: (leg: Leg, index: number) => MaybePromise<void>,
  ): MaybePromise<void> {
    let next = 0;
    return runPieces(
      {
        get finished() {
          return next >= legs.length;
        },
        next: () => {
          const leg = legs[next] as Leg;
          try {
            const done = request(leg, next++);
            return done instanceof Promise ? done.catch(this.#failed(leg)) : done;
          } catch (error) {
            return this.#fail(leg, error);
          }
        },
      },
      legs.length,
    );
  }

  #failed(leg: Leg): (error: unknown) => never {
    return (error) => this.#fail(leg, error);
  }

  /** Takes note of a failure, for every stripe on that device. A request that is not offered is none. */
  #fail(leg: Leg, error: unknown): never {
    const errno = error instanceof TscryptError ? error.errno : 'EIO';
    if (errno !== 'EOPNOTSUPP' && errno !== 'ENOTSUP') {
      for (const other of this.#legs) {
        if (other.device !== leg.device) continue;
        if (++other.errors <= ERROR_EVENTS) this.#raiseEvent();
      }
    }
    throw error;
  }
}
