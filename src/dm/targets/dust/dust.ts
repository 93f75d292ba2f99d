import type { BlockDevice, Extent, Limits, WriteOptions, WriteZeroesOptions } from '../../../block/device.ts';
import { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg, TableLine } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { allocated } from '../../extents.ts';
import { limitsBelow } from '../../limits.ts';
import { runPieces } from '../../pieces.ts';
import type { DeviceArea, Target, TargetFeatures } from '../../target.ts';
import { type DustArguments, formatDustArguments } from './args.ts';
import { BadBlocks } from './bad-blocks.ts';
import { type DustState, dustMessage } from './messages.ts';

/** Ranges of one request, between blocks that are bad, that are zeroed at a time. */
const ZEROES_DEPTH = 16;

/**
 * A range of a device some of whose blocks are bad: reading one fails, writing it mends it, perhaps after some
 * writes that fail.
 *
 * The core makes requests no longer than a block, which is counted from the target's start, while bad
 * blocks are counted from the device's. As in the kernel, it is the block in which a request begins
 * that counts; where the offset is no whole number of blocks, the next one is not looked at.
 */
export class DustTarget implements Target, DustState {
  readonly areas: readonly DeviceArea[];
  readonly bad = new BadBlocks();
  enabled = false;
  quiet = false;
  readonly #args: DustArguments;
  readonly #device: BlockDevice;
  /** Bytes. */
  readonly #start: number;
  readonly #blockSize: number;
  /** Where the target begins on the mapped device. Bytes. */
  readonly #begin: number;
  /** Between presuspend and resume. */
  #suspending = false;

  constructor(args: DustArguments, { start, length }: TableLine) {
    this.#args = args;
    this.#device = args.below.device;
    this.#start = args.offset * SECTOR_SIZE;
    this.#blockSize = args.blockSize;
    this.#begin = start * SECTOR_SIZE;
    this.areas = [{ device: this.#device, start: this.#start, length: length * SECTOR_SIZE }];
  }

  /** No request is shorter than what the device below takes, whatever the blocks are. */
  get maxIoLength(): number {
    return Math.max(this.#blockSize, this.#device.limits.logicalBlockSize);
  }

  get limits(): Limits {
    return limitsBelow(this.areas);
  }

  get features(): TargetFeatures {
    return this.#device.features;
  }

  /** The kernel takes the number of blocks itself, too, which is one too many. */
  get lastBlock(): number {
    return Math.floor(this.#device.size / this.#blockSize);
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (this.#looks) {
      for (let at = offset; at < offset + into.length; at += this.#blockSize) {
        if (this.bad.has(this.#blockAt(at))) throw failure('read', at);
      }
    }
    return this.#device.read(this.#start + offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    if (this.#looks && !this.#written(offset, from.length)) throw failure('write', offset);
    return this.#device.write(this.#start + offset, from, options);
  }

  /**
   * A flush is a write of nothing to the first sector of the mapped device, as in the kernel, and mends the block
   * that this would be or fails: the target's first block, where its line is the first. A flush that belongs
   * to a suspension, which the kernel does not have, is not.
   */
  flush(): MaybePromise<void> {
    if (this.#looks && !this.#suspending && !this.bad.write(this.#blockAt(-this.#begin))) {
      throw failure('flush', 0);
    }
    return this.#device.flush();
  }

  /** Not split in the kernel: only the block it begins in counts. */
  discard(offset: number, length: number): MaybePromise<void> {
    if (this.#looks && !this.#written(offset, 1)) throw failure('discard', offset);
    return this.#device.discard(this.#start + offset, length);
  }

  /** In the kernel these are writes, and split like them: every block that does not fail is zeroed. */
  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    if (!this.#looks) return this.#device.writeZeroes(this.#start + offset, length, options);
    const end = offset + length;
    let next = offset;
    return runPieces(
      {
        get finished() {
          return next >= end;
        },
        next: () => {
          const at = next;
          next = Math.min(end, this.#nextBlock(at));
          if (!this.bad.write(this.#blockAt(at))) throw failure('write zeroes', at);
          while (next < end && !this.bad.has(this.#blockAt(next))) {
            next = Math.min(end, this.#nextBlock(next));
          }
          return this.#device.writeZeroes(this.#start + at, next - at, options);
        },
      },
      ZEROES_DEPTH,
    );
  }

  /** While reads may fail, nothing is said about what they would give. */
  extents(offset: number, length: number): MaybePromise<Extent[]> {
    if (this.#looks) return [allocated(length)];
    return this.#device.extents?.(this.#start + offset, length) ?? [allocated(length)];
  }

  statusInfo(): string {
    const mode = this.enabled ? 'fail_read_on_bad_block' : 'bypass';
    return `${this.#args.below.label} ${mode} ${this.quiet ? 'quiet' : 'verbose'}`;
  }

  statusTable(): readonly TableArg[] {
    return formatDustArguments(this.#args);
  }

  message(words: readonly TableArg[]): string {
    return dustMessage(words, this);
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

  async destroy(): Promise<void> {
    this.bad.clear();
  }

  /** Whether there is any bad block to look for. */
  get #looks(): boolean {
    return this.enabled && this.bad.count > 0;
  }

  /** @param offset bytes from the target's start */
  #blockAt(offset: number): number {
    return Math.floor((this.#start + offset) / this.#blockSize);
  }

  /** Where the block after the one at `offset` begins, counted from the target's start. */
  #nextBlock(offset: number): number {
    return offset + this.#blockSize - (offset % this.#blockSize);
  }

  /**
   * Tells the list of a write, block by block.
   *
   * @returns whether it succeeds: no block fails it
   */
  #written(offset: number, length: number): boolean {
    let succeeds = true;
    for (let at = offset; at < offset + length; at = this.#nextBlock(at)) {
      if (!this.bad.write(this.#blockAt(at))) succeeds = false;
    }
    return succeeds;
  }
}

function failure(request: string, offset: number): TscryptError {
  return new TscryptError('IO_ERROR', `A bad block fails this ${request}.`, {
    details: { target: 'dust', offset },
  });
}
