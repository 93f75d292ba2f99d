import type { Writable } from 'node:stream';
import * as nbd from '../../block/nbd/protocol.ts';
import { type BufferPool, SLAB_SIZE } from './buffers.ts';
import {
  CHUNK_HEADER,
  ERROR_CHUNK,
  SIMPLE_HEADER,
  writeChunkHeader,
  writeErrorChunk,
  writeNoneChunk,
  writeSimpleHeader,
} from './reply-headers.ts';

/** Longest reply that is copied into the batch rather than sent from its own buffer. */
const COPY_MAX = 16 * 1024;
/** Slabs kept by an idle connection beside the one in use. */
const IDLE_MAX = 2;

interface Slab {
  readonly buffer: Buffer;
  readonly view: DataView;
  /** Bytes filled, and how many of them were handed to the socket. */
  used: number;
  sent: number;
  /** Socket writes and device reads that still use it. */
  users: number;
  readonly done: () => void;
}

/**
 * Replies on their way out. Headers and small payloads are gathered in slabs, so that a batch of replies is
 * one write, and devices that read inline fill their place in the batch directly (`reserve`, `commit`).
 * A request's cookie comes in two words, `high` and `low`.
 */
export class ReplyQueue {
  readonly #socket: Writable;
  readonly #pool: BufferPool;
  #slab: Slab;
  readonly #idle: Slab[] = [];
  #scheduled = false;
  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  constructor(socket: Writable, pool: BufferPool) {
    this.#socket = socket;
    this.#pool = pool;
    this.#slab = this.#newSlab();
  }

  /** Bytes the socket has taken but not sent. */
  get waiting(): number {
    return this.#socket.writableLength;
  }

  get buffer(): Buffer {
    return this.#slab.buffer;
  }

  get view(): DataView {
    return this.#slab.view;
  }

  /** Where in {@link buffer} the next `length` bytes (at most SLAB_SIZE) have room. */
  reserve(length: number): number {
    const slab = this.#slab;
    if (slab.used + length > SLAB_SIZE) {
      this.flush();
      if (slab.users > 0) this.#slab = this.#idle.pop() ?? this.#newSlab();
      this.#slab.used = 0;
      this.#slab.sent = 0;
    }
    return this.#slab.used;
  }

  /** The room reserved last is filled; without it, it is as if never reserved. */
  commit(length: number): void {
    this.#slab.used += length;
  }

  /**
   * The room reserved last is being filled by someone else: the batch goes on in another slab.
   * Returns what takes the slab back once the room is no longer needed.
   */
  detach(): () => void {
    this.flush();
    const slab = this.#slab;
    slab.users += 1;
    this.#slab = this.#idle.pop() ?? this.#newSlab();
    return slab.done;
  }

  simple(high: number, low: number, error: number): void {
    const at = this.reserve(SIMPLE_HEADER);
    writeSimpleHeader(this.#slab.view, at, high, low, error);
    this.commit(SIMPLE_HEADER);
  }

  /** NBD_REPLY_TYPE_NONE, ending a reply. */
  noneChunk(high: number, low: number): void {
    const at = this.reserve(CHUNK_HEADER);
    writeNoneChunk(this.#slab.view, at, high, low);
    this.commit(CHUNK_HEADER);
  }

  /** NBD_REPLY_TYPE_ERROR without a message, ending a reply. */
  errorChunk(high: number, low: number, error: number): void {
    const at = this.reserve(ERROR_CHUNK);
    writeErrorChunk(this.#slab.view, at, high, low, error);
    this.commit(ERROR_CHUNK);
  }

  /** A chunk of another type with its whole payload (at most some KiB), ending a reply. */
  chunk(high: number, low: number, type: number, payload: Uint8Array): void {
    const at = this.reserve(CHUNK_HEADER + payload.length);
    writeChunkHeader(this.#slab.view, at, high, low, nbd.NBD_REPLY_FLAG_DONE, type, payload.length);
    this.#slab.buffer.set(payload, at + CHUNK_HEADER);
    this.commit(CHUNK_HEADER + payload.length);
  }

  /** Header and data in a buffer of their own, which is released when it is sent. */
  send(bytes: Buffer, release: () => void): void {
    if (bytes.length <= COPY_MAX) {
      const at = this.reserve(bytes.length);
      this.#slab.buffer.set(bytes, at);
      this.commit(bytes.length);
      release();
      return;
    }
    this.flush();
    this.#socket.write(bytes, release);
  }

  /** Sends what is gathered at the end of this turn of the event loop, so that other replies can join. */
  flushSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flushScheduled);
  }

  /** Sends what is gathered. */
  flush(): void {
    const slab = this.#slab;
    if (slab.sent === slab.used) return;
    const bytes = slab.buffer.subarray(slab.sent, slab.used);
    slab.sent = slab.used;
    slab.users += 1;
    this.#socket.write(bytes, slab.done);
  }

  #newSlab(): Slab {
    const buffer = this.#pool.take(SLAB_SIZE);
    const slab: Slab = {
      buffer,
      view: new DataView(buffer.buffer, buffer.byteOffset, buffer.length),
      used: 0,
      sent: 0,
      users: 0,
      done: () => {
        slab.users -= 1;
        if (slab.users === 0 && slab.sent === slab.used) this.#reset(slab);
      },
    };
    return slab;
  }

  /** Nobody uses it and nothing in it is unsent. */
  #reset(slab: Slab): void {
    slab.used = 0;
    slab.sent = 0;
    if (slab === this.#slab) return;
    if (this.#idle.length < IDLE_MAX) this.#idle.push(slab);
    else this.#pool.give(slab.buffer);
  }
}
