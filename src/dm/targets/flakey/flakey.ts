import type { BlockDevice, Extent, Limits, WriteOptions, WriteZeroesOptions } from '../../../block/device.ts';
import { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg, TableLine } from '../../../table/spec.ts';
import { MIB, SECTOR_SIZE } from '../../../units.ts';
import { allocated } from '../../extents.ts';
import { limitsBelow } from '../../limits.ts';
import { inPieces } from '../../pieces.ts';
import type { DeviceArea, Target, TargetFeatures } from '../../target.ts';
import { type FlakeyArguments, type FlakeyFeatures, formatFlakeyArguments } from './args.ts';
import { Corruption, READ_BITS, writeBits, zeroesBits } from './corruption.ts';
import { Xorshift } from './random.ts';

/** The kernel has no write zeroes here: its block layer writes pages of zeroes, 256 of them a request. */
const ZEROES_PIECE = MIB;
const ZEROES_DEPTH = 4;

/**
 * A range of a device that is `up` seconds as it should be, then unreliable for `down` seconds, and so on,
 * beginning when the table was loaded. What is wrong then is up to the features. A request is treated
 * by the state in which it was made.
 */
export class FlakeyTarget implements Target {
  readonly maxIoLength = 0;
  readonly areas: readonly DeviceArea[];
  readonly #args: FlakeyArguments;
  readonly #faults: FlakeyFeatures;
  readonly #device: BlockDevice;
  /** Bytes. */
  readonly #start: number;
  readonly #reads: Corruption;
  readonly #writes: Corruption;
  /** On the clock of `performance.now()`. */
  readonly #born = performance.now();
  /** Between presuspend and resume. */
  #suspending = false;

  constructor(args: FlakeyArguments, line: TableLine) {
    const { below, offset, features } = args;
    this.#args = args;
    this.#faults = features;
    this.#device = below.device;
    this.#start = offset * SECTOR_SIZE;
    const random = new Xorshift(line.start + offset);
    this.#reads = new Corruption('r', features, random);
    this.#writes = new Corruption('w', features, random);
    this.areas = [{ device: this.#device, start: this.#start, length: line.length * SECTOR_SIZE }];
  }

  get limits(): Limits {
    return limitsBelow(this.areas);
  }

  /** Zeroes that may be corrupted have to be written as data. */
  get features(): TargetFeatures {
    const { discard, fastZeroes, multiConnection } = this.#device.features;
    return { discard, fastZeroes: fastZeroes && !this.#writes.possible, multiConnection };
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (!this.#isDown()) return this.#device.read(this.#start + offset, into);
    if (this.#faults.errorReads) throw failure('read', offset);
    const done = this.#device.read(this.#start + offset, into);
    if (!this.#reads.possible) return done;
    if (done instanceof Promise) {
      return done.then(() => {
        this.#reads.apply(into, READ_BITS, true);
      });
    }
    this.#reads.apply(into, READ_BITS, true);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const at = this.#start + offset;
    if (!this.#isDown()) return this.#device.write(at, from, options);
    if (this.#losesWrites('write', offset)) return;
    if (!this.#writes.possible) return this.#device.write(at, from, options);
    const fua = options?.fua ?? false;
    const data = this.#writes.apply(from, writeBits(fua), options?.mayClobber ?? false);
    return this.#device.write(at, data, data === from ? options : { fua, mayClobber: true });
  }

  /** The flush that belongs to a suspension passes: a device that is down can still get another table. */
  flush(): MaybePromise<void> {
    if (this.#isDown() && !this.#suspending && this.#losesWrites('flush', 0)) return;
    return this.#device.flush();
  }

  discard(offset: number, length: number): MaybePromise<void> {
    if (this.#isDown() && this.#losesWrites('discard', offset)) return;
    return this.#device.discard(this.#start + offset, length);
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    const at = this.#start + offset;
    if (options?.fast && this.#writes.possible) {
      throw new TscryptError(
        'NOT_SUPPORTED',
        'A flakey target writes corrupted zeroes no faster than data.',
        {
          errno: 'EOPNOTSUPP',
          details: { target: 'flakey' },
        },
      );
    }
    if (!this.#isDown()) return this.#device.writeZeroes(at, length, options);
    if (this.#losesWrites('write zeroes', offset)) return;
    if (!this.#writes.possible) return this.#device.writeZeroes(at, length, options);
    return inPieces(length, ZEROES_PIECE, ZEROES_DEPTH, (from, to) =>
      this.#writeZeroPiece(at + from, to - from, options),
    );
  }

  /** While reads are not what is stored, nothing is promised about what they give. */
  extents(offset: number, length: number): MaybePromise<Extent[]> {
    const untrue = this.#faults.errorReads || this.#reads.possible;
    if (untrue && this.#isDown()) return [allocated(length)];
    return this.#device.extents?.(this.#start + offset, length) ?? [allocated(length)];
  }

  statusInfo(): string {
    return '';
  }

  statusTable(): readonly TableArg[] {
    return formatFlakeyArguments(this.#args);
  }

  presuspend(): void {
    this.#suspending = true;
  }

  presuspendUndo(): void {
    this.#suspending = false;
  }

  resume(): void {
    this.#suspending = false;
  }

  async destroy(): Promise<void> {}

  #isDown(): boolean {
    const { up, down } = this.#args;
    if (up === 0 || down === 0) return up === 0;
    const seconds = Math.floor((performance.now() - this.#born) / 1000);
    return seconds % (up + down) >= up;
  }

  /**
   * While down: whether a request of the write class is dropped.
   *
   * @throws TscryptError IO_ERROR when such requests fail
   */
  #losesWrites(request: string, offset: number): boolean {
    if (this.#faults.errorWrites) throw failure(request, offset);
    return this.#faults.dropWrites;
  }

  #writeZeroPiece(at: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    const fua = options?.fua ?? false;
    const data = this.#writes.applyToZeroes(length, zeroesBits(fua));
    if (!data) return this.#device.writeZeroes(at, length, options);
    return this.#device.write(at, data, { fua, mayClobber: true });
  }
}

function failure(request: string, offset: number): TscryptError {
  return new TscryptError('IO_ERROR', `The flakey target is down and fails this ${request}.`, {
    details: { target: 'flakey', offset },
  });
}
