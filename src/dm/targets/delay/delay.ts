import type { BlockDevice, Extent, Limits, WriteOptions, WriteZeroesOptions } from '../../../block/device.ts';
import { andThen, type MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { allocated } from '../../extents.ts';
import { limitsBelow } from '../../limits.ts';
import type { DeviceArea, Target, TargetFeatures } from '../../target.ts';
import { type DelayArguments, type DelayClass, formatDelayArguments } from './args.ts';
import { DelayQueue, Lane } from './queue.ts';

/** Where a class of requests goes. */
interface Path {
  readonly device: BlockDevice;
  /** Bytes. */
  readonly start: number;
  readonly lane: Lane;
}

/**
 * Holds requests for a while, those of each class (reads, writes, flushes) for as long as the table says, and
 * may send each class to another device. Discards and write zeroes are writes; a flush goes to the
 * flush class's device, and to that of writes, since it is what was written that it makes stable.
 *
 * A class whose delay is 0 passes straight through. So does everything from presuspend to resume: what was held
 * is let go of at once.
 */
export class DelayTarget implements Target {
  readonly maxIoLength = 0;
  readonly areas: readonly DeviceArea[];
  readonly #args: DelayArguments;
  readonly #read: Path;
  readonly #write: Path;
  readonly #flush: Path;
  readonly #queue: DelayQueue;
  #holding = true;

  /** @param length sectors */
  constructor(args: DelayArguments, length: number) {
    const [read, write = read, flush = write] = args;
    this.#args = args;
    this.#read = pathOf(read);
    this.#write = pathOf(write);
    this.#flush = pathOf(flush);
    this.#queue = new DelayQueue([this.#read.lane, this.#write.lane, this.#flush.lane]);
    this.areas = args.flatMap((one) => (one ? [areaOf(one, length)] : []));
  }

  get limits(): Limits {
    return limitsBelow(this.areas);
  }

  /** As in the kernel, there is no discard unless every device has it. */
  get features(): TargetFeatures {
    const devices = this.areas.map(({ device }) => device.features);
    return {
      discard: devices.every(({ discard }) => discard),
      fastZeroes: this.#write.device.features.fastZeroes,
      multiConnection: devices.every(({ multiConnection }) => multiConnection),
    };
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    const { device, start, lane } = this.#read;
    if (this.#passes(lane)) return device.read(start + offset, into);
    return this.#queue.hold(lane, () => device.read(start + offset, into));
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const { device, start, lane } = this.#write;
    if (this.#passes(lane)) return device.write(start + offset, from, options);
    return this.#queue.hold(lane, () => device.write(start + offset, from, options));
  }

  flush(): MaybePromise<void> {
    const { lane } = this.#flush;
    if (this.#passes(lane)) return this.#flushDevices();
    return this.#queue.hold(lane, () => this.#flushDevices());
  }

  discard(offset: number, length: number): MaybePromise<void> {
    const { device, start, lane } = this.#write;
    if (this.#passes(lane)) return device.discard(start + offset, length);
    return this.#queue.hold(lane, () => device.discard(start + offset, length));
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    const { device, start, lane } = this.#write;
    if (this.#passes(lane)) return device.writeZeroes(start + offset, length, options);
    return this.#queue.hold(lane, () => device.writeZeroes(start + offset, length, options));
  }

  /** No request of any class, and never held: what the read device says. */
  extents(offset: number, length: number): MaybePromise<Extent[]> {
    const { device, start } = this.#read;
    return device.extents?.(start + offset, length) ?? [allocated(length)];
  }

  /** Requests held now: reads, writes, flushes. */
  statusInfo(): string {
    return `${this.#read.lane.count} ${this.#write.lane.count} ${this.#flush.lane.count}`;
  }

  statusTable(): readonly TableArg[] {
    return formatDelayArguments(this.#args);
  }

  presuspend(): void {
    this.#holding = false;
    this.#queue.release();
  }

  presuspendUndo(): void {
    this.#holding = true;
  }

  resume(): void {
    this.#holding = true;
  }

  async destroy(): Promise<void> {
    this.#queue.release();
  }

  #flushDevices(): MaybePromise<void> {
    const { device } = this.#flush;
    const written = this.#write.device;
    const done = device.flush();
    return written === device ? done : andThen(done, () => written.flush());
  }

  #passes(lane: Lane): boolean {
    return lane.delay === 0 || !this.#holding;
  }
}

function pathOf({ below, offset, delay }: DelayClass): Path {
  return { device: below.device, start: offset * SECTOR_SIZE, lane: new Lane(delay) };
}

function areaOf({ below, offset }: DelayClass, length: number): DeviceArea {
  return { device: below.device, start: offset * SECTOR_SIZE, length: length * SECTOR_SIZE };
}
