import type { BlockDevice, WriteOptions, WriteZeroesOptions } from '../../block/device.ts';
import type { MaybePromise } from '../../maybe-promise.ts';
import { addressOf, type Completion } from '../../sys/index.ts';
import { SECTOR_SIZE } from '../../units.ts';
import type { QueueCounters } from '../queue-threads.ts';
import * as abi from './abi.ts';
import { failureAnswer } from './answers.ts';

export interface TagOwner {
  /** A command completed. Whether there is a request to be served now. */
  arrived(result: number): boolean;
  /** The request is done. */
  answered(tag: Tag, answer: number): void;
}

type Counters = { -readonly [K in keyof QueueCounters]: QueueCounters[K] };

const WRITE: WriteOptions = { mayClobber: true };
const WRITE_FUA: WriteOptions = { mayClobber: true, fua: true };
/** Freed or written, as the device likes; NO_UNMAP: not freed. By the request's flags. */
const ZEROES: WriteZeroesOptions = {};
const ZEROES_FUA: WriteZeroesOptions = { fua: true };
const ZEROES_KEPT: WriteZeroesOptions = { noHole: true };
const ZEROES_KEPT_FUA: WriteZeroesOptions = { noHole: true, fua: true };
const ENOTSUP = 95;

/** One of the requests that may be under way in a queue; it is used over and over. */
export class Tag implements Completion {
  readonly number: number;
  /** Of its buffer, as two 32-bit words. */
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly #device: BlockDevice;
  /** All of the queue. */
  readonly #descriptors: Uint32Array;
  readonly #memory: Uint8Array;
  /** The buffer's beginning, as long as the request, by its sectors: requests have few different sizes. */
  readonly #views: (Uint8Array | undefined)[] = [];
  readonly #counters: Counters;
  readonly #owner: TagOwner;
  #operation = 0;
  #length = 0;

  constructor(
    number: number,
    device: BlockDevice,
    descriptors: Uint32Array,
    memory: Uint8Array,
    counters: Counters,
    owner: TagOwner,
  ) {
    const address = addressOf(memory);
    this.number = number;
    this.addressLow = address >>> 0;
    this.addressHigh = Math.floor(address / 0x1_0000_0000);
    this.#device = device;
    this.#descriptors = descriptors;
    this.#memory = memory;
    this.#counters = counters;
    this.#owner = owner;
  }

  completed(result: number): void {
    if (!this.#owner.arrived(result)) return;
    let done: MaybePromise<void>;
    try {
      done = this.#serve();
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (done instanceof Promise) done.then(this.#succeeded, this.#failed);
    else this.#succeeded();
  }

  #serve(): MaybePromise<void> {
    const descriptors = this.#descriptors;
    const at = this.number * abi.DESCRIPTOR_WORDS;
    const flags = descriptors[at + abi.DESCRIPTOR_FLAGS] as number;
    const sectors = descriptors[at + abi.DESCRIPTOR_SECTORS] as number;
    const low = descriptors[at + abi.DESCRIPTOR_START] as number;
    const high = descriptors[at + abi.DESCRIPTOR_START + 1] as number;
    const offset = (low + high * 0x1_0000_0000) * SECTOR_SIZE;
    this.#operation = flags & abi.OPERATION_MASK;
    this.#length = sectors * SECTOR_SIZE;
    const fua = (flags & abi.FLAG_FUA) !== 0;
    switch (this.#operation) {
      case abi.OPERATION_READ:
        return this.#device.read(offset, this.#view(sectors));
      case abi.OPERATION_WRITE:
        return this.#device.write(offset, this.#view(sectors), fua ? WRITE_FUA : WRITE);
      case abi.OPERATION_FLUSH:
        return this.#device.flush();
      case abi.OPERATION_DISCARD:
        return this.#device.discard(offset, this.#length);
      case abi.OPERATION_WRITE_ZEROES:
        return this.#device.writeZeroes(
          offset,
          this.#length,
          (flags & abi.FLAG_NO_UNMAP) === 0
            ? fua
              ? ZEROES_FUA
              : ZEROES
            : fua
              ? ZEROES_KEPT_FUA
              : ZEROES_KEPT,
        );
      default:
        throw NOT_ADVERTISED;
    }
  }

  readonly #succeeded = (): void => {
    const counters = this.#counters;
    let answer = 0;
    switch (this.#operation) {
      case abi.OPERATION_READ:
        counters.reads += 1;
        counters.readBytes += this.#length;
        answer = this.#length;
        break;
      case abi.OPERATION_WRITE:
        counters.writes += 1;
        counters.writtenBytes += this.#length;
        answer = this.#length;
        break;
      case abi.OPERATION_FLUSH:
        counters.flushes += 1;
        break;
      default:
        counters.others += 1;
    }
    this.#owner.answered(this, answer);
  };

  readonly #failed = (error: unknown): void => {
    this.#counters.errors += 1;
    this.#owner.answered(this, error === NOT_ADVERTISED ? -ENOTSUP : failureAnswer(error));
  };

  #view(sectors: number): Uint8Array {
    let view = this.#views[sectors];
    if (view === undefined) {
      view = this.#memory.subarray(0, sectors * SECTOR_SIZE);
      this.#views[sectors] = view;
    }
    return view;
  }
}

/** The block layer does not send what it was not told of. */
const NOT_ADVERTISED = new Error('an operation that was not advertised');
