import * as nbd from '../../../block/nbd/protocol.ts';
import { BROKEN, type StreamSocket, WOULD_WAIT } from '../../../sys/stream-socket.ts';
import {
  CHUNK_HEADER,
  DATA_CHUNK_HEADER,
  ERROR_CHUNK,
  SIMPLE_HEADER,
  writeChunkHeader,
  writeDataChunkHeader,
  writeErrorChunk,
  writeNoneChunk,
  writeSimpleHeader,
} from '../reply-headers.ts';
import { Batch } from './batch.ts';
import type { Block, Blocks } from './blocks.ts';
import type { Roles } from './roles.ts';

/** Empty batches kept. */
const SPARE_MAX = 3;

/**
 * Replies on their way out. They gather in a batch until `flush`; what the socket does not take waits. A request's
 * cookie comes in two words, `high` and `low`.
 */
export class Outgoing {
  readonly #socket: StreamSocket;
  readonly #blocks: Blocks;
  readonly #roles: Roles;
  /** Batches that are complete, the first perhaps sent in part. */
  readonly #queue: Batch[] = [];
  readonly #spare: Batch[] = [];
  #current: Batch;
  /** We have the right to send, and the socket takes no more for now. */
  #blocked = false;
  #unsent = 0;
  broken = false;

  constructor(socket: StreamSocket, blocks: Blocks, roles: Roles) {
    this.#socket = socket;
    this.#blocks = blocks;
    this.#roles = roles;
    this.#current = new Batch(blocks);
  }

  /** Bytes of replies that the socket has not taken yet. */
  get unsent(): number {
    return this.#unsent;
  }

  /** To be woken when the socket takes more. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Makes room for a reply with `length` bytes of data in the batch (at most BATCH_DATA), which `batch` then is. */
  reserve(length: number): Batch {
    if (!this.#current.hasRoom(length)) {
      this.flush();
      if (!this.#current.hasRoom(length)) this.#seal();
    }
    return this.#current;
  }

  simple(high: number, low: number, error: number): void {
    const batch = this.reserve(0);
    writeSimpleHeader(batch.headers, batch.addHeader(SIMPLE_HEADER), high, low, error);
    this.#unsent += SIMPLE_HEADER;
  }

  noneChunk(high: number, low: number): void {
    const batch = this.reserve(0);
    writeNoneChunk(batch.headers, batch.addHeader(CHUNK_HEADER), high, low);
    this.#unsent += CHUNK_HEADER;
  }

  errorChunk(high: number, low: number, error: number): void {
    const batch = this.reserve(0);
    writeErrorChunk(batch.headers, batch.addHeader(ERROR_CHUNK), high, low, error);
    this.#unsent += ERROR_CHUNK;
  }

  /** A chunk of another type with its whole payload, ending a reply. */
  chunk(high: number, low: number, type: number, payload: Uint8Array): void {
    const batch = this.reserve(0);
    const at = batch.addHeader(CHUNK_HEADER);
    writeChunkHeader(batch.headers, at, high, low, nbd.NBD_REPLY_FLAG_DONE, type, payload.length);
    const block = this.#blocks.take(payload.length);
    block.bytes.set(payload);
    batch.addData(block, 0, payload.length, true);
    this.#unsent += CHUNK_HEADER + payload.length;
  }

  /**
   * The data of a successful read, after a simple header.
   *
   * @param pinned the block is unpinned when it is sent
   */
  simpleData(high: number, low: number, block: Block, at: number, length: number, pinned: boolean): void {
    const batch = this.reserve(0);
    writeSimpleHeader(batch.headers, batch.addHeader(SIMPLE_HEADER), high, low, 0);
    batch.addData(block, at, length, pinned);
    this.#unsent += SIMPLE_HEADER + length;
  }

  /** The same as a chunk; `flags`: NBD_REPLY_FLAG_DONE or none. */
  chunkData(
    high: number,
    low: number,
    flags: number,
    offset: number,
    block: Block,
    at: number,
    length: number,
    pinned: boolean,
  ): void {
    const batch = this.reserve(0);
    const header = batch.addHeader(DATA_CHUNK_HEADER);
    writeDataChunkHeader(batch.headers, header, high, low, flags, offset, length);
    batch.addData(block, at, length, pinned);
    this.#unsent += DATA_CHUNK_HEADER + length;
  }

  /** The socket may take more again. */
  unblock(): void {
    this.#blocked = false;
  }

  /** Sends what is gathered, as far as it goes. */
  flush(): void {
    if (this.#unsent === 0 || this.#blocked || this.broken) return;
    if (!this.#roles.takeSending()) return;
    while (this.#unsent > 0) {
      if (this.#queue.length === 0) this.#seal();
      const batch = this.#queue[0] as Batch;
      const left = batch.bytes - batch.sent;
      const count = this.#socket.sendMessage(batch.message);
      if (count === BROKEN) {
        this.broken = true;
        break;
      }
      if (count !== WOULD_WAIT) {
        batch.sent += count;
        this.#unsent -= count;
      }
      if (count !== left) {
        if (count !== WOULD_WAIT) batch.message.advance(count);
        this.#blocked = true;
        return;
      }
      this.#queue.shift();
      this.#recycle(batch);
    }
    this.#roles.releaseSending();
  }

  /** Nothing more is sent. */
  abandon(): void {
    this.broken = true;
    this.#blocked = false;
    for (const batch of this.#queue) this.#recycle(batch);
    this.#queue.length = 0;
    this.#current.clear();
    this.#unsent = 0;
    this.#roles.releaseSending();
  }

  /** Gives its memory back, when no request is under way any more. */
  release(): void {
    this.abandon();
    this.#current.release();
    for (const batch of this.#spare) batch.release();
    this.#spare.length = 0;
  }

  #seal(): void {
    this.#queue.push(this.#current);
    this.#current = this.#spare.pop() ?? new Batch(this.#blocks);
  }

  #recycle(batch: Batch): void {
    batch.clear();
    if (this.#spare.length < SPARE_MAX) this.#spare.push(batch);
    else batch.release();
  }
}
