import type { BlockDevice } from '../../../block/device.ts';
import { writeTo } from '../commands.ts';
import { nbdError } from '../errno.ts';
import type { InFlight } from '../in-flight.ts';
import type { Block, Blocks } from './blocks.ts';
import type { RequestCounters } from './counters.ts';
import type { Outgoing } from './outgoing.ts';

/** NBD_CMD_WRITE, after the request was checked and its payload is there. */
export class WriteRequests {
  readonly #device: BlockDevice;
  readonly #blocks: Blocks;
  readonly #out: Outgoing;
  readonly #inFlight: InFlight;
  readonly #counters: RequestCounters;
  readonly #spare: PendingWrite[] = [];
  #inline = true;

  constructor(
    device: BlockDevice,
    blocks: Blocks,
    out: Outgoing,
    inFlight: InFlight,
    counters: RequestCounters,
  ) {
    this.#device = device;
    this.#blocks = blocks;
    this.#out = out;
    this.#inFlight = inFlight;
    this.#counters = counters;
  }

  /** The last request finished inline. */
  get inline(): boolean {
    return this.#inline;
  }

  /** A payload that lies among other requests in `slab`. */
  fromSlab(
    slab: Block,
    at: number,
    flags: number,
    offset: number,
    length: number,
    high: number,
    low: number,
  ): void {
    if (this.#inline) {
      slab.pin();
      this.write(slab, at, flags, offset, length, high, low);
      return;
    }
    // The slab would be kept from being used again for as long as this write takes.
    const block = this.#blocks.take(length);
    slab.bytes.copy(block.bytes, 0, at, at + length);
    this.write(block, 0, flags, offset, length, high, low);
  }

  /** @param block pinned for this request */
  write(
    block: Block,
    at: number,
    flags: number,
    offset: number,
    length: number,
    high: number,
    low: number,
  ): void {
    this.#counters.writes += 1;
    this.#counters.writtenBytes += length;
    let done: void | Promise<void>;
    try {
      done = writeTo(this.#device, flags, offset, block.view(at, length));
    } catch (failure) {
      block.unpin();
      this.answer(high, low, nbdError(failure));
      return;
    }
    this.#inline = !(done instanceof Promise);
    if (done instanceof Promise) {
      const pending = this.#spare.pop() ?? new PendingWrite(this, this.#inFlight);
      pending.begin(done, block, high, low);
      return;
    }
    block.unpin();
    this.#out.simple(high, low, 0);
  }

  /** The reply, 0 for success. */
  answer(high: number, low: number, error: number): void {
    if (error !== 0) this.#counters.errors += 1;
    this.#out.simple(high, low, error);
  }

  /** For {@link PendingWrite}. */
  giveBack(pending: PendingWrite): void {
    this.#spare.push(pending);
  }
}

/** A write that did not finish inline. Used again for others. */
class PendingWrite {
  readonly #writes: WriteRequests;
  readonly #inFlight: InFlight;
  #block: Block | undefined;
  #high = 0;
  #low = 0;

  constructor(writes: WriteRequests, inFlight: InFlight) {
    this.#writes = writes;
    this.#inFlight = inFlight;
  }

  begin(done: Promise<void>, block: Block, high: number, low: number): void {
    this.#block = block;
    this.#high = high;
    this.#low = low;
    this.#inFlight.begin();
    this.#inFlight.bytes += block.size;
    done.then(this.#done, this.#failed);
  }

  readonly #done = (): void => {
    this.#end(0);
  };

  readonly #failed = (failure: unknown): void => {
    this.#end(nbdError(failure));
  };

  #end(error: number): void {
    const block = this.#block as Block;
    this.#block = undefined;
    this.#inFlight.bytes -= block.size;
    block.unpin();
    if (!this.#inFlight.dead) this.#writes.answer(this.#high, this.#low, error);
    this.#writes.giveBack(this);
    this.#inFlight.end();
  }
}
