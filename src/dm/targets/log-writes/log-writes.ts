import type { BlockDevice, Extent, Limits, WriteOptions, WriteZeroesOptions } from '../../../block/device.ts';
import { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg, TableLine } from '../../../table/spec.ts';
import { MIB, SECTOR_SIZE } from '../../../units.ts';
import { allocated } from '../../extents.ts';
import { limitsBelow, raiseBlockSize } from '../../limits.ts';
import { inPieces } from '../../pieces.ts';
import type { DeviceArea, Target, TargetFeatures } from '../../target.ts';
import { refuse } from '../arguments.ts';
import { formatLogWritesArguments, type LogWritesArguments } from './args.ts';
import { discardEntry, flushEntry, type LogEntry, markEntry, writeEntry, zeroesEntry } from './entry.ts';
import { WriteLog } from './log.ts';

/** The kernel has no write zeroes here: its block layer writes pages of zeroes, 256 of them a request. */
const ZEROES_PIECE = MIB;
const ZEROES_DEPTH = 4;
/** The last entry of every log. */
const END_MARK = 'dm-log-writes-end';

/**
 * Passes everything on and logs what is written, so that the device can be made again as a power cut at any time
 * might have left it. A write that completed is kept until a flush that began afterwards completes, and only
 * then goes into the log, in front of that flush; a write with FUA goes there when it completes.
 *
 * Writes that fail are logged like others, as in the kernel: they may have come to the disk.
 */
export class LogWritesTarget implements Target {
  readonly maxIoLength = 0;
  readonly areas: readonly DeviceArea[];
  readonly #args: LogWritesArguments;
  readonly #device: BlockDevice;
  /** Where the target begins, on the mapped device and, as nothing is moved, on the device below. Bytes. */
  readonly #start: number;
  readonly #length: number;
  readonly #log: WriteLog;
  /** Completed, and not yet covered by a flush that has ended. In the order of completion. */
  readonly #parked: LogEntry[] = [];
  /** How many entries were parked and have left for the log since. */
  #logged = 0;

  constructor(args: LogWritesArguments, line: TableLine) {
    const { device } = args.below;
    this.#args = args;
    this.#device = device;
    this.#start = line.start * SECTOR_SIZE;
    this.#length = line.length * SECTOR_SIZE;
    this.#log = new WriteLog(args.log.device, device.limits.logicalBlockSize);
    this.areas = [{ device, start: this.#start, length: this.#length }];
  }

  get limits(): Limits {
    // The kernel stacks them from the device's start.
    const below = limitsBelow([{ device: this.#device, start: 0, length: this.#length }]);
    const limits = { ...below, ioMin: below.physicalBlockSize };
    if (!this.#device.features.discard) limits.discardGranularity = this.#log.blockSize;
    // Entries count blocks of the size that the device had at first.
    return raiseBlockSize(limits, this.#log.blockSize);
  }

  /** Discards are logged whether the device below takes them or not. */
  get features(): TargetFeatures {
    return { discard: true, fastZeroes: false, multiConnection: this.#device.features.multiConnection };
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    return this.#device.read(this.#start + offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const at = this.#start + offset;
    if (!this.#log.enabled) return this.#device.write(at, from, options);
    const room = this.#log.room();
    if (room instanceof Promise) return room.then(() => this.write(offset, from, options));
    // The copy is taken first: whoever is below may be allowed to change the buffer.
    const entry = writeEntry(this.#log.blockSize, at, from, options?.fua ?? false);
    try {
      return this.#whenEnded(this.#device.write(at, from, options), entry);
    } catch (error) {
      this.#ended(entry);
      throw error;
    }
  }

  /** Covers what completed before it began; what completes meanwhile waits for the next one. */
  flush(): MaybePromise<void> {
    const covered = this.#logged + this.#parked.length;
    try {
      const done = this.#device.flush();
      if (done instanceof Promise) {
        return done.then(
          () => this.#flushed(covered),
          (error: unknown) => {
            this.#flushed(covered);
            throw error;
          },
        );
      }
    } catch (error) {
      this.#flushed(covered);
      throw error;
    }
    this.#flushed(covered);
  }

  discard(offset: number, length: number): MaybePromise<void> {
    const at = this.#start + offset;
    const entry = discardEntry(this.#log.blockSize, at, length);
    try {
      const done = this.#device.features.discard ? this.#device.discard(at, length) : undefined;
      return this.#whenEnded(done, entry);
    } catch (error) {
      this.#ended(entry);
      throw error;
    }
  }

  /** Zeroes are logged as data. */
  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    if (options?.fast) {
      throw new TscryptError('NOT_SUPPORTED', 'A log-writes target writes zeroes no faster than data.', {
        errno: 'EOPNOTSUPP',
        details: { target: 'log-writes' },
      });
    }
    return inPieces(length, ZEROES_PIECE, ZEROES_DEPTH, (from, to) =>
      this.#writeZeroPiece(this.#start + offset + from, to - from, options),
    );
  }

  extents(offset: number, length: number): MaybePromise<Extent[]> {
    return this.#device.extents?.(this.#start + offset, length) ?? [allocated(length)];
  }

  statusInfo(): string {
    const { entries, highestSector, enabled } = this.#log;
    return `${entries} ${highestSector}${enabled ? '' : ' logging_disabled'}`;
  }

  statusTable(): readonly TableArg[] {
    return formatLogWritesArguments(this.#args);
  }

  /**
   * `mark <description>`: an entry with this text. It is in the log when the message is answered.
   *
   * @throws TscryptError INVALID_ARGUMENT
   */
  async message(words: readonly TableArg[]): Promise<string> {
    if (words.length !== 2) {
      refuse(`Invalid log-writes message arguments, expect 2 arguments, got ${words.length}`);
    }
    const [command, text] = words;
    if (typeof command !== 'string' || typeof text !== 'string' || command.toLowerCase() !== 'mark') {
      refuse(`Unrecognised log writes target message received: ${command}`);
    }
    this.#log.add(markEntry(this.#log.blockSize, text));
    this.#log.write();
    await this.#log.idle();
    return '';
  }

  /** The log is complete while the device is suspended. */
  postsuspend(): MaybePromise<void> {
    return this.#log.idle();
  }

  /** What no flush has covered is logged after all, and the end mark behind it. */
  async destroy(): Promise<void> {
    this.#addParked(this.#parked.length);
    this.#log.add(markEntry(this.#log.blockSize, END_MARK));
    this.#log.write();
    await this.#log.idle();
  }

  #writeZeroPiece(at: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    const entry = zeroesEntry(this.#log.blockSize, at, length, options?.fua ?? false);
    try {
      return this.#whenEnded(this.#device.writeZeroes(at, length, options), entry);
    } catch (error) {
      this.#ended(entry);
      throw error;
    }
  }

  #whenEnded(done: MaybePromise<void>, entry: LogEntry): MaybePromise<void> {
    if (!(done instanceof Promise)) {
      this.#ended(entry);
      return;
    }
    return done.then(
      () => this.#ended(entry),
      (error: unknown) => {
        this.#ended(entry);
        throw error;
      },
    );
  }

  /** A write or discard has ended, well or not. */
  #ended(entry: LogEntry): void {
    if (!this.#log.enabled) return;
    if (!entry.counted) {
      this.#parked.push(entry);
      return;
    }
    this.#log.add(entry);
    this.#log.write();
  }

  /**
   * A flush that covers the first `covered` of all that was ever parked has ended. Where flushes end in another
   * order than they began in, this includes what one that is still under way covers.
   */
  #flushed(covered: number): void {
    this.#addParked(covered - this.#logged);
    this.#log.add(flushEntry(this.#log.blockSize));
    this.#log.write();
  }

  /** Puts the first `count` parked entries into the log. */
  #addParked(count: number): void {
    if (count <= 0) return;
    for (const entry of this.#parked.splice(0, count)) this.#log.add(entry);
    this.#logged += count;
  }
}
