import type { BlockDevice, Extent } from '../../block/device.ts';
import { TscryptError } from '../../errors.ts';
import type { MaybePromise } from '../../maybe-promise.ts';
import { type Libc, libc } from '../../sys/index.ts';
import { encodeError, type TransferredError } from '../error-transfer.ts';
import {
  type Answers,
  DISCARD,
  EXTENTS,
  FAST,
  FLUSH,
  FUA,
  MAY_CLOBBER,
  NO_HOLE,
  READ,
  REQUEST_WORDS,
  WRITE,
  WRITE_ZEROES,
} from './messages.ts';

interface Arena {
  readonly address: number;
  readonly length: number;
  readonly memory: ArrayBuffer;
}

/**
 * The main thread's side of {@link Forwarding}: serves the requests of one queue thread on the devices themselves,
 * with the data in that thread's memory. Answers that become ready together go in one message.
 */
export class ForwardedRequests {
  readonly #answer: (answers: Answers) => void;
  readonly #c: Libc;
  #arena: Arena | undefined;
  #done: number[] = [];
  #extents: { request: number; extents: Extent[] }[] = [];
  #failed: { request: number; error: TransferredError }[] = [];
  #scheduled = false;

  constructor(answer: (answers: Answers) => void) {
    const c = libc();
    if (!c) throw new TscryptError('INTERNAL', 'queue threads need foreign functions');
    this.#c = c;
    this.#answer = answer;
  }

  /** Where most of the thread's data will lie: looked at once instead of for each request. */
  useArena(address: number, length: number): void {
    this.#arena = { address, length, memory: this.#c.view(address, length) };
  }

  serve(words: readonly number[], deviceOf: (number: number) => BlockDevice | undefined): void {
    for (let at = 0; at < words.length; at += REQUEST_WORDS) {
      const [number = 0, request = 0, operation = 0, offset = 0, length = 0, address = 0, flags = 0] =
        words.slice(at, at + REQUEST_WORDS);
      try {
        const device = deviceOf(number);
        if (!device) throw new TscryptError('INTERNAL', `a queue thread asks for device ${number}`);
        const result = this.#run(device, operation, offset, length, address, flags);
        if (result instanceof Promise) {
          result.then(
            (value) => this.#succeeded(request, value),
            (error: unknown) => this.#refused(request, error),
          );
        } else this.#succeeded(request, result);
      } catch (error) {
        this.#refused(request, error);
      }
    }
  }

  #run(
    device: BlockDevice,
    operation: number,
    offset: number,
    length: number,
    address: number,
    flags: number,
  ): MaybePromise<unknown> {
    const fua = (flags & FUA) !== 0;
    switch (operation) {
      case READ:
        return device.read(offset, this.#data(address, length));
      case WRITE: {
        const mayClobber = (flags & MAY_CLOBBER) !== 0;
        return device.write(offset, this.#data(address, length), { fua, mayClobber });
      }
      case FLUSH:
        return device.flush();
      case DISCARD:
        return device.discard(offset, length);
      case WRITE_ZEROES: {
        const noHole = (flags & NO_HOLE) !== 0;
        return device.writeZeroes(offset, length, { fua, noHole, fast: (flags & FAST) !== 0 });
      }
      case EXTENTS:
        return device.extents?.(offset, length) ?? [{ length, hole: false, zero: false }];
      default:
        throw new TscryptError('INTERNAL', `a queue thread asks for operation ${operation}`);
    }
  }

  #data(address: number, length: number): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    const arena = this.#arena;
    if (arena && address >= arena.address && address + length <= arena.address + arena.length) {
      return Buffer.from(arena.memory, address - arena.address, length);
    }
    return Buffer.from(this.#c.view(address, length));
  }

  #succeeded(request: number, value: unknown): void {
    if (value) this.#extents.push({ request, extents: value as Extent[] });
    else this.#done.push(request);
    this.#schedule();
  }

  #refused(request: number, error: unknown): void {
    this.#failed.push({ request, error: encodeError(error) });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#send);
  }

  readonly #send = (): void => {
    this.#scheduled = false;
    const answers = { done: this.#done, extents: this.#extents, failed: this.#failed };
    this.#done = [];
    this.#extents = [];
    this.#failed = [];
    this.#answer(answers);
  };
}
