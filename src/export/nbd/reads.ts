import type { BlockDevice } from '../../block/device.ts';
import * as nbd from '../../block/nbd/protocol.ts';
import { type BufferPool, SLAB_SIZE } from './buffers.ts';
import { nbdError } from './errno.ts';
import type { InFlight } from './in-flight.ts';
import type { ReplyQueue } from './replies.ts';
import {
  DATA_CHUNK_HEADER,
  SIMPLE_HEADER,
  writeDataChunkHeader,
  writeSimpleHeader,
} from './reply-headers.ts';

/** A longer read is answered in pieces of this size where the client allows it; a piece fits a slab. */
const PIECE = 256 * 1024 - 4096;
/** Where data lies in a buffer of its own: behind the longest header, aligned for whoever works on it. */
const DATA_AT = 32;

/** A read answered in several content chunks. */
interface Pieces {
  left: number;
  error: number;
}

/** NBD_CMD_READ, after the request was checked. */
export class Reads {
  readonly #device: BlockDevice;
  readonly #structured: boolean;
  readonly #header: number;
  readonly #pool: BufferPool;
  readonly #replies: ReplyQueue;
  readonly #inFlight: InFlight;
  /** How the device read last: inline into the batch of replies, or later into a buffer apart. */
  #inline = true;

  constructor(
    device: BlockDevice,
    structuredReplies: boolean,
    pool: BufferPool,
    replies: ReplyQueue,
    inFlight: InFlight,
  ) {
    this.#device = device;
    this.#structured = structuredReplies;
    this.#header = structuredReplies ? DATA_CHUNK_HEADER : SIMPLE_HEADER;
    this.#pool = pool;
    this.#replies = replies;
    this.#inFlight = inFlight;
  }

  read(flags: number, offset: number, length: number, high: number, low: number): void {
    if (length === 0) {
      if (this.#structured) this.#replies.noneChunk(high, low);
      else this.#replies.simple(high, low, 0);
    } else if (length > PIECE && this.#structured && (flags & nbd.NBD_CMD_FLAG_DF) === 0) {
      const pieces: Pieces = { left: Math.ceil(length / PIECE), error: 0 };
      for (let at = 0; at < length; at += PIECE) {
        this.#piece(offset + at, Math.min(PIECE, length - at), high, low, pieces);
      }
    } else {
      this.#piece(offset, length, high, low, undefined);
    }
  }

  /** The reply of a read that failed. */
  fail(high: number, low: number, error: number): void {
    if (this.#structured) this.#replies.errorChunk(high, low, error);
    else this.#replies.simple(high, low, error);
  }

  /** One content chunk, or with simple replies the whole answer. */
  #piece(offset: number, length: number, high: number, low: number, pieces: Pieces | undefined): void {
    const total = this.#header + length;
    if (this.#inline && total <= SLAB_SIZE) this.#intoBatch(offset, length, high, low, pieces);
    else this.#intoOwn(offset, length, high, low, pieces);
  }

  #intoBatch(offset: number, length: number, high: number, low: number, pieces: Pieces | undefined): void {
    const total = this.#header + length;
    const at = this.#replies.reserve(total);
    const { buffer, view } = this.#replies;
    let done: void | Promise<void>;
    try {
      done = this.#device.read(offset, buffer.subarray(at + this.#header, at + total));
    } catch (error) {
      this.#pieceFailed(high, low, nbdError(error), pieces);
      return;
    }
    if (done instanceof Promise) {
      this.#inline = false;
      this.#later(done, buffer, at, this.#replies.detach(), offset, length, high, low, pieces);
      return;
    }
    this.#writeHeader(view, at, offset, length, high, low, pieces);
    this.#replies.commit(total);
    this.#endFailed(high, low, pieces);
  }

  #intoOwn(offset: number, length: number, high: number, low: number, pieces: Pieces | undefined): void {
    const owned = this.#pool.take(DATA_AT + length);
    const start = DATA_AT - this.#header;
    const release = (): void => this.#pool.give(owned);
    let done: void | Promise<void>;
    try {
      done = this.#device.read(offset, owned.subarray(DATA_AT, DATA_AT + length));
    } catch (error) {
      release();
      this.#pieceFailed(high, low, nbdError(error), pieces);
      return;
    }
    if (done instanceof Promise) {
      this.#later(done, owned, start, release, offset, length, high, low, pieces);
      return;
    }
    this.#inline = true;
    this.#send(owned, start, release, offset, length, high, low, pieces);
  }

  #later(
    done: Promise<void>,
    buffer: Buffer,
    start: number,
    release: () => void,
    offset: number,
    length: number,
    high: number,
    low: number,
    pieces: Pieces | undefined,
  ): void {
    let sent = false;
    this.#inFlight.bytes += buffer.length;
    const answer = (error: number): void => {
      if (error !== 0) {
        this.#pieceFailed(high, low, error, pieces);
        return;
      }
      sent = true;
      this.#send(buffer, start, release, offset, length, high, low, pieces);
    };
    this.#inFlight.add(done, answer, () => {
      // What is being sent counts as waiting in the socket from now on.
      this.#inFlight.bytes -= buffer.length;
      if (!sent) release();
    });
  }

  #send(
    buffer: Buffer,
    start: number,
    release: () => void,
    offset: number,
    length: number,
    high: number,
    low: number,
    pieces: Pieces | undefined,
  ): void {
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#writeHeader(view, start, offset, length, high, low, pieces);
    this.#replies.send(buffer.subarray(start, start + this.#header + length), release);
    this.#endFailed(high, low, pieces);
  }

  #writeHeader(
    view: DataView,
    at: number,
    offset: number,
    length: number,
    high: number,
    low: number,
    pieces: Pieces | undefined,
  ): void {
    if (!this.#structured) {
      writeSimpleHeader(view, at, high, low, 0);
      return;
    }
    if (pieces) pieces.left -= 1;
    // Whichever piece is last ends the reply, unless an error has to be told after it.
    const last = !pieces || (pieces.left === 0 && pieces.error === 0);
    const flags = last ? nbd.NBD_REPLY_FLAG_DONE : 0;
    writeDataChunkHeader(view, at, high, low, flags, offset, length);
  }

  #pieceFailed(high: number, low: number, error: number, pieces: Pieces | undefined): void {
    if (!pieces) {
      this.fail(high, low, error);
      return;
    }
    pieces.left -= 1;
    pieces.error = pieces.error || error;
    this.#endFailed(high, low, pieces);
  }

  /** After the last piece, if any of them failed. */
  #endFailed(high: number, low: number, pieces: Pieces | undefined): void {
    if (pieces?.left === 0 && pieces.error !== 0) this.fail(high, low, pieces.error);
  }
}
