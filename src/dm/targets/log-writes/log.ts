import type { BlockDevice, WriteOptions } from '../../../block/device.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import { KIB, MIB, SECTOR_SIZE } from '../../../units.ts';
import { type LogEntry, superBlock } from './entry.ts';

/** Entries that lie together in the log are written together, up to this many bytes. */
const BATCH_SIZE = MIB + 64 * KIB;
/** How many bytes may wait to be written before new writes wait for the log device. */
const BACKLOG = 64 * MIB;

const CLOBBER: WriteOptions = { mayClobber: true };

/** An entry that has its place in the log. */
interface Placed {
  readonly entry: LogEntry;
  /** Bytes. */
  readonly at: number;
  readonly length: number;
  /** It is the so-many-th of the log, from 1 on. */
  readonly number: number;
}

/**
 * The log: entries in the order they were added, written by one writer, while the requests they tell of have long
 * been answered. What goes wrong here ends the logging and nothing else.
 */
export class WriteLog {
  readonly blockSize: number;
  readonly #device: BlockDevice;
  /** Entries that have a place. */
  #entries = 0;
  /** Where the next one goes. Bytes. */
  #end: number;
  #enabled = true;
  #queue: Placed[] = [];
  /** Bytes in the queue. */
  #backlog = 0;
  #writing = false;
  /** After a write of several entries failed, so many are written one by one, to find out which of them it was. */
  #oneByOne = 0;
  #batchBuffer: Uint8Array | undefined;
  #whenIdle: (() => void)[] = [];
  #whenRoom: (() => void)[] = [];

  /** @param blockSize of the device that is logged, in bytes */
  constructor(device: BlockDevice, blockSize: number) {
    this.#device = device;
    this.blockSize = blockSize;
    this.#end = blockSize;
  }

  /** Nothing went wrong so far, and there was room for everything. */
  get enabled(): boolean {
    return this.#enabled;
  }

  get entries(): number {
    return this.#entries;
  }

  /** The last sector that an entry has, or would have if there had been room for it. */
  get highestSector(): number {
    return this.#end / SECTOR_SIZE - 1;
  }

  /** Puts an entry behind those there are; {@link write} has it written. */
  add(entry: LogEntry): void {
    if (!this.#enabled) return;
    const at = this.#end;
    const length = entry.bytes.length + entry.zeroes;
    this.#end += length;
    // The kernel leaves the last sector of the log device alone.
    if (this.#end >= this.#device.size) {
      this.#enabled = false;
      return;
    }
    this.#queue.push({ entry, at, length, number: ++this.#entries });
    this.#backlog += length;
  }

  /** Starts writing what was added. */
  write(): void {
    if (this.#writing || this.#queue.length === 0) return;
    this.#writing = true;
    void this.#run();
  }

  /** Ends when everything that was added is in the log, or logging has ended. */
  idle(): MaybePromise<void> {
    if (!this.#writing) return;
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Ends when there is room for more in the backlog. */
  room(): MaybePromise<void> {
    if (this.#backlog <= BACKLOG) return;
    return new Promise((resolve) => this.#whenRoom.push(resolve));
  }

  /** Writes batch after batch. Stays inline as long as the log device does. */
  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch();
      let done = 0;
      try {
        for (const [at, bytes] of this.#writesOf(batch)) {
          const result = this.#device.write(at, bytes, CLOBBER);
          if (result instanceof Promise) await result;
        }
        done = batch.length;
        this.#oneByOne = Math.max(0, this.#oneByOne - done);
      } catch {
        if (batch.length > 1) this.#oneByOne = batch.length;
        else this.#giveUp(batch[0]);
      }
      for (const { length } of this.#queue.splice(0, done)) this.#backlog -= length;
      if (this.#backlog <= BACKLOG) this.#wake(this.#whenRoom.splice(0));
    }
    this.#writing = false;
    this.#wake(this.#whenIdle.splice(0));
  }

  /** What is written next: entries from the head of the queue, where they stay until they are written. */
  #nextBatch(): readonly Placed[] {
    if (this.#oneByOne > 0) return this.#queue.slice(0, 1);
    const most = Math.min(BATCH_SIZE, this.#device.limits.maxIoSize);
    let count = 0;
    for (let size = 0; count < this.#queue.length; count++) {
      size += (this.#queue[count] as Placed).length;
      if (size > most) break;
    }
    return this.#queue.slice(0, Math.max(1, count));
  }

  /** The writes that put a batch into the log, in order: the entries, then the super block if it changes. */
  *#writesOf(batch: readonly Placed[]): Generator<readonly [at: number, bytes: Uint8Array]> {
    const [{ entry, at }, ...more] = batch as readonly [Placed, ...Placed[]];
    if (more.length === 0 && entry.zeroes === 0) yield* this.#inPieces(at, entry.bytes);
    else yield* this.#inPieces(at, this.#gather(batch));
    const counted = batch.findLast((placed) => placed.entry.counted);
    if (counted) yield [0, superBlock(this.blockSize, counted.number)];
  }

  *#inPieces(at: number, bytes: Uint8Array): Generator<readonly [at: number, bytes: Uint8Array]> {
    const size = this.#device.limits.maxIoSize;
    for (let done = 0; done < bytes.length; done += size)
      yield [at + done, bytes.subarray(done, done + size)];
  }

  #gather(batch: readonly Placed[]): Uint8Array {
    this.#batchBuffer ??= new Uint8Array(BATCH_SIZE);
    let size = 0;
    for (const { entry } of batch) {
      this.#batchBuffer.set(entry.bytes, size);
      size += entry.bytes.length;
      this.#batchBuffer.fill(0, size, size + entry.zeroes);
      size += entry.zeroes;
    }
    return this.#batchBuffer.subarray(0, size);
  }

  /** `failed` could not be written: nothing is from there on. Status tells of it as of the last entry, like Linux. */
  #giveUp(failed: Placed | undefined): void {
    this.#enabled = false;
    this.#queue = [];
    this.#backlog = 0;
    if (!failed) return;
    this.#entries = failed.number;
    this.#end = failed.at + failed.length;
  }

  #wake(waiting: readonly (() => void)[]): void {
    for (const resolve of waiting) resolve();
  }
}
