import type { Extent } from '../../block/device.ts';
import { addressOf } from '../../sys/index.ts';
import { decodeError } from '../error-transfer.ts';
import type { Answers, FromThread } from './messages.ts';

type Settled = Extent[] | undefined;

/** A request that the main thread has. The data's memory is held on to meanwhile. */
interface Pending {
  readonly bytes: Uint8Array | undefined;
  readonly resolve: (value: Settled) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Requests that a queue thread passes on to the main thread's device. The data stays where it is: the other side is
 * told its address. What is asked for in one turn of the microtasks goes in one message.
 */
export class Forwarding {
  readonly #post: (message: FromThread) => void;
  readonly #pending: (Pending | undefined)[] = [];
  readonly #free: number[] = [];
  #words: number[] = [];

  constructor(post: (message: FromThread) => void) {
    this.#post = post;
  }

  /**
   * @param bytes the data to be read or written, if there is any
   * @param flags of messages.ts
   */
  request(
    device: number,
    operation: number,
    offset: number,
    length: number,
    bytes: Uint8Array | undefined,
    flags: number,
  ): Promise<Settled> {
    return new Promise((resolve, reject) => {
      const request = this.#free.pop() ?? this.#pending.length;
      this.#pending[request] = { bytes, resolve, reject };
      if (this.#words.length === 0) queueMicrotask(this.#send);
      const address = bytes && bytes.length > 0 ? addressOf(bytes) : 0;
      this.#words.push(device, request, operation, offset, length, address, flags);
    });
  }

  answered({ done, extents, failed }: Answers): void {
    for (const request of done) this.#take(request)?.resolve(undefined);
    for (const { request, extents: found } of extents) this.#take(request)?.resolve([...found]);
    for (const { request, error } of failed) this.#take(request)?.reject(decodeError(error));
  }

  #take(request: number): Pending | undefined {
    const pending = this.#pending[request];
    this.#pending[request] = undefined;
    this.#free.push(request);
    return pending;
  }

  readonly #send = (): void => {
    const words = this.#words;
    this.#words = [];
    this.#post({ type: 'requests', words });
  };
}
