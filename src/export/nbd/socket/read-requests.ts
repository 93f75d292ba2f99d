import type { BlockDevice } from '../../../block/device.ts';
import * as nbd from '../../../block/nbd/protocol.ts';
import { nbdError } from '../errno.ts';
import type { InFlight } from '../in-flight.ts';
import { MAX_BYTES } from '../limits.ts';
import { BATCH_DATA } from './batch.ts';
import type { Block, Blocks } from './blocks.ts';
import type { RequestCounters } from './counters.ts';
import type { Outgoing } from './outgoing.ts';

/** A longer read is answered in pieces of this size where the client allows it. */
const PIECE = BATCH_DATA;
/**
 * Bytes of unsent replies above which no more data is read: what the socket does not take soon would only cool down
 * in memory.
 */
export const UNSENT_ENOUGH = 512 * 1024;

/** A read answered in several content chunks. */
class Pieces {
  left = 0;
  error = 0;
}

/** NBD_CMD_READ, after the request was checked. */
export class ReadRequests {
  readonly #device: BlockDevice;
  readonly #structured: boolean;
  readonly #blocks: Blocks;
  readonly #out: Outgoing;
  readonly #inFlight: InFlight;
  readonly #counters: RequestCounters;
  readonly #spare: PendingRead[] = [];
  readonly #sparePieces: Pieces[] = [];
  /** How the device read last: inline into the batch of replies, or later into a block apart. */
  #inline = true;

  // The long read whose pieces are being started.
  #at = 0;
  #end = 0;
  #high = 0;
  #low = 0;
  #pieces: Pieces | undefined;

  constructor(
    device: BlockDevice,
    structuredReplies: boolean,
    blocks: Blocks,
    out: Outgoing,
    inFlight: InFlight,
    counters: RequestCounters,
  ) {
    this.#device = device;
    this.#structured = structuredReplies;
    this.#blocks = blocks;
    this.#out = out;
    this.#inFlight = inFlight;
    this.#counters = counters;
  }

  /** The last request finished inline. */
  get inline(): boolean {
    return this.#inline;
  }

  /** A long read has pieces that are not started yet: see {@link advance}. */
  get started(): boolean {
    return this.#at === this.#end;
  }

  /** Not while another long read has not been started as a whole. */
  start(flags: number, offset: number, length: number, high: number, low: number): void {
    this.#counters.reads += 1;
    this.#counters.readBytes += length;
    if (length === 0) {
      if (this.#structured) this.#out.noneChunk(high, low);
      else this.#out.simple(high, low, 0);
    } else if (length > PIECE && this.#structured && (flags & nbd.NBD_CMD_FLAG_DF) === 0) {
      const pieces = this.#sparePieces.pop() ?? new Pieces();
      pieces.left = Math.ceil(length / PIECE);
      pieces.error = 0;
      this.#pieces = pieces;
      this.#at = offset;
      this.#end = offset + length;
      this.#high = high;
      this.#low = low;
      this.advance();
    } else {
      this.#piece(offset, length, high, low, undefined);
    }
  }

  /** Starts more pieces of the long read; true when all of them are started. */
  advance(): boolean {
    while (this.#at < this.#end) {
      const held = this.#inFlight.bytes + this.#out.unsent;
      if (this.#out.unsent > UNSENT_ENOUGH || held > MAX_BYTES) return false;
      const at = this.#at;
      const length = Math.min(PIECE, this.#end - at);
      this.#at += length;
      this.#piece(at, length, this.#high, this.#low, this.#pieces);
      // Sent while it is in the caches.
      this.#out.flush();
    }
    return true;
  }

  /** The reply of a read that failed. */
  fail(high: number, low: number, error: number): void {
    this.#counters.errors += 1;
    if (this.#structured) this.#out.errorChunk(high, low, error);
    else this.#out.simple(high, low, error);
  }

  /** The long read is not answered any more. */
  abandon(): void {
    this.#at = this.#end;
  }

  /** One content chunk, or the whole answer. */
  #piece(offset: number, length: number, high: number, low: number, pieces: Pieces | undefined): void {
    const gathered = this.#inline && length <= BATCH_DATA;
    const batch = gathered ? this.#out.reserve(length) : undefined;
    const block = batch?.data ?? this.#blocks.take(length);
    const at = batch?.dataEnd ?? 0;
    let done: void | Promise<void>;
    try {
      done = this.#device.read(offset, block.view(at, length));
    } catch (error) {
      if (!batch) block.unpin();
      this.pieceFailed(high, low, nbdError(error), pieces);
      return;
    }
    batch?.takeRoom(length);
    if (done instanceof Promise) {
      this.#inline = false;
      if (batch) block.pin();
      const pending = this.#spare.pop() ?? new PendingRead(this, this.#inFlight);
      pending.begin(done, block, at, length, offset, high, low, pieces);
      return;
    }
    if (!batch) this.#inline = true;
    this.answer(offset, block, at, length, high, low, pieces, !batch);
  }

  /** For {@link PendingRead}. */
  answer(
    offset: number,
    block: Block,
    at: number,
    length: number,
    high: number,
    low: number,
    pieces: Pieces | undefined,
    pinned: boolean,
  ): void {
    if (!this.#structured) {
      this.#out.simpleData(high, low, block, at, length, pinned);
      return;
    }
    if (pieces) pieces.left -= 1;
    // Whichever piece is last ends the reply, unless an error has to be told after it.
    const last = !pieces || (pieces.left === 0 && pieces.error === 0);
    const flags = last ? nbd.NBD_REPLY_FLAG_DONE : 0;
    this.#out.chunkData(high, low, flags, offset, block, at, length, pinned);
    if (pieces) this.#endPieces(high, low, pieces);
  }

  /** For {@link PendingRead}. */
  pieceFailed(high: number, low: number, error: number, pieces: Pieces | undefined): void {
    if (!pieces) {
      this.fail(high, low, error);
      return;
    }
    pieces.left -= 1;
    pieces.error = pieces.error || error;
    this.#endPieces(high, low, pieces);
  }

  /** For {@link PendingRead}. */
  giveBack(pending: PendingRead): void {
    this.#spare.push(pending);
  }

  /** After the last piece, if any of them failed. */
  #endPieces(high: number, low: number, pieces: Pieces): void {
    if (pieces.left > 0) return;
    if (pieces.error !== 0) this.fail(high, low, pieces.error);
    this.#sparePieces.push(pieces);
  }
}

/** A read, or a piece of one, that did not finish inline. Used again for others. */
class PendingRead {
  readonly #reads: ReadRequests;
  readonly #inFlight: InFlight;
  #block: Block | undefined;
  #at = 0;
  #length = 0;
  #offset = 0;
  #high = 0;
  #low = 0;
  #pieces: Pieces | undefined;

  constructor(reads: ReadRequests, inFlight: InFlight) {
    this.#reads = reads;
    this.#inFlight = inFlight;
  }

  /** @param block pinned for this request */
  begin(
    done: Promise<void>,
    block: Block,
    at: number,
    length: number,
    offset: number,
    high: number,
    low: number,
    pieces: Pieces | undefined,
  ): void {
    this.#block = block;
    this.#at = at;
    this.#length = length;
    this.#offset = offset;
    this.#high = high;
    this.#low = low;
    this.#pieces = pieces;
    this.#inFlight.begin();
    this.#inFlight.bytes += length;
    done.then(this.#done, this.#failed);
  }

  readonly #done = (): void => {
    const block = this.#block as Block;
    if (this.#inFlight.dead) block.unpin();
    else {
      this.#reads.answer(
        this.#offset,
        block,
        this.#at,
        this.#length,
        this.#high,
        this.#low,
        this.#pieces,
        true,
      );
    }
    this.#end();
  };

  readonly #failed = (failure: unknown): void => {
    (this.#block as Block).unpin();
    if (!this.#inFlight.dead) {
      this.#reads.pieceFailed(this.#high, this.#low, nbdError(failure), this.#pieces);
    }
    this.#end();
  };

  #end(): void {
    const length = this.#length;
    this.#block = undefined;
    this.#pieces = undefined;
    this.#reads.giveBack(this);
    this.#inFlight.bytes -= length;
    this.#inFlight.end();
  }
}
