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
import { commonFeatures, limitsBelow, stackLimits } from '../../limits.ts';
import { runPieces } from '../../pieces.ts';
import type { DeviceArea, Target } from '../../target.ts';
import { formatStripedArguments, type StripedArguments } from './args.ts';
import { StripeMap } from './stripe-map.ts';

/** The first failures of a stripe raise an event each, but no more than these. */
const ERROR_EVENTS = 14;

interface Leg {
  readonly device: BlockDevice;
  readonly label: string;
  /** Bytes. */
  readonly start: number;
  errors: number;
  /** Takes note of a failure there. */
  readonly failed: (error: unknown) => void;
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
    this.#legs = stripes.map(({ below: { device, label }, offset }) => ({
      device,
      label,
      start: offset * SECTOR_SIZE,
      errors: 0,
      failed: (error) => this.#failed(label, error),
    }));
    const width = (length / stripes.length) * SECTOR_SIZE;
    this.areas = this.#legs.map(({ device, start }) => ({ device, start, length: width }));
  }

  /**
   * A chunk is the least that is worth a request, a row of them keeps all stripes busy; whatever the devices say,
   * but not where chunks are no whole physical blocks, which stacking sees to.
   */
  get limits(): Limits {
    const chunk = this.maxIoLength;
    const hinted: Limits = {
      ...limitsBelow(this.areas),
      ioMin: chunk,
      ioOpt: chunk * this.#legs.length,
      chunkSize: chunk,
    };
    return stackLimits([hinted, hinted]);
  }

  get features(): Features {
    return commonFeatures(this.#legs.map(({ device }) => device.features));
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    const leg = this.#legAt(offset);
    try {
      return observed(leg, leg.device.read(leg.start + this.#map.placeAt(offset), into));
    } catch (error) {
      leg.failed(error);
      throw error;
    }
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const leg = this.#legAt(offset);
    try {
      return observed(leg, leg.device.write(leg.start + this.#map.placeAt(offset), from, options));
    } catch (error) {
      leg.failed(error);
      throw error;
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
            return observed(leg, request(leg, next++));
          } catch (error) {
            leg.failed(error);
            throw error;
          }
        },
      },
      legs.length,
    );
  }

  /** Every stripe on the device has failed, in one event. What a device does not offer is no failure of it. */
  #failed(label: string, error: unknown): void {
    if (error instanceof TscryptError && (error.errno === 'EOPNOTSUPP' || error.errno === 'ENOTSUP')) return;
    let raises = false;
    for (const leg of this.#legs) if (leg.label === label && ++leg.errors <= ERROR_EVENTS) raises = true;
    if (raises) this.#raiseEvent();
  }
}

/** The request as it is; the stripe knows of its failure before whoever waits for it. */
function observed(leg: Leg, done: MaybePromise<void>): MaybePromise<void> {
  if (done instanceof Promise) done.catch(leg.failed);
  return done;
}
