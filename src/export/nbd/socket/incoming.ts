import * as nbd from '../../../block/nbd/protocol.ts';
import { Message } from '../../../sys/message.ts';
import type { StreamSocket } from '../../../sys/stream-socket.ts';
import type { Block, Blocks } from './blocks.ts';
import { LEFT_MAX, type Roles } from './roles.ts';

const HEADER = nbd.Request.size;
const SLAB_SIZE = 1024 * 1024;
/** Bytes received at once. */
const RECEIVE_MAX = 512 * 1024;
/** With less room behind what is there, it moves to the front. */
const ROOM_MIN = 128 * 1024;
/** Where a request begins in an empty slab: its payload is page aligned then. */
const FIRST = 4096 - HEADER;
/** What is handed over to another thread is copied twice. */
const HANDED_OVER_MAX = 64 * 1024;

/**
 * What the socket brings. Requests gather in a slab, many at a time; the payload of a long write is received straight
 * into a block of its own, together with the header that follows it.
 */
export class Incoming {
  readonly #socket: StreamSocket;
  readonly #blocks: Blocks;
  readonly #control: Block;
  readonly #message: Message;
  slab: Block;
  /** The bytes of the slab that have not been looked at. */
  at = FIRST;
  end = FIRST;
  /** The payload being received, and how much of it is there. */
  #payload: Block | undefined;
  #payloadLength = 0;
  #payloadGot = 0;
  /** Bytes to be thrown away. */
  #skip = 0;
  /** The last request was a long write; if another one follows, only its header should come into the slab. */
  narrow = false;
  /** The socket gave less than it might have: it is probably empty. */
  exhausted = true;

  constructor(socket: StreamSocket, blocks: Blocks) {
    this.#socket = socket;
    this.#blocks = blocks;
    this.#control = blocks.take(Message.size(2));
    this.#message = new Message(this.#control.bytes, 2);
    this.slab = blocks.take(SLAB_SIZE);
  }

  get available(): number {
    return this.end - this.at;
  }

  /** A request's payload is on its way, into its place or to be skipped. */
  get inPayload(): boolean {
    return this.#payload !== undefined || this.#skip > 0;
  }

  /** Bytes that were received before transmission began, or by another thread. */
  put(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.slab.bytes.set(bytes, this.end);
    this.end += bytes.length;
    this.exhausted = false;
  }

  /** What the thread that received before has left. */
  takeOver(roles: Roles): void {
    this.#makeRoom(roles.leftCount);
    this.end += roles.takeLeft(this.slab.bytes.subarray(this.end, this.end + LEFT_MAX));
    this.narrow = roles.leftNarrow;
    this.exhausted = false;
  }

  /** Whether there is more for another thread to do, and it can be handed over. */
  moreWaits(): boolean {
    if (this.available > HANDED_OVER_MAX) return false;
    return this.available >= HEADER || this.#socket.waiting() > 0;
  }

  /** Hands over the rest; see {@link Roles.releaseReceiving}. */
  handOver(roles: Roles): boolean {
    const woken = roles.releaseReceiving(this.slab.bytes.subarray(this.at, this.end), this.narrow);
    this.at = this.end;
    return woken;
  }

  /** The next `length` bytes are the payload of a long write: a block to receive it into, pinned by the caller. */
  beginPayload(block: Block, length: number): void {
    this.#payload = block;
    this.#payloadLength = length;
    const there = Math.min(this.available, length);
    if (there > 0) this.slab.bytes.copy(block.bytes, 0, this.at, this.at + there);
    this.at += there;
    this.#payloadGot = there;
  }

  /** Whether all of the payload is there, which ends it. */
  endPayload(): boolean {
    if (this.#payloadGot < this.#payloadLength) return false;
    this.#payload = undefined;
    return true;
  }

  /** The next `length` bytes are the payload of a refused write. */
  beginSkip(length: number): void {
    this.#skip = length;
  }

  /** Whether everything to be skipped was. */
  skipped(): boolean {
    const there = Math.min(this.#skip, this.available);
    this.at += there;
    this.#skip -= there;
    return this.#skip === 0;
  }

  /**
   * Receives more.
   *
   * @param needed bytes of a request that the slab holds the first of
   * @returns bytes; 0 at the end; WOULD_WAIT; BROKEN
   */
  receive(needed: number): number {
    return this.#payload ? this.#receivePayload(this.#payload) : this.#receiveRequests(needed);
  }

  /** The payload being received is not wanted any more. */
  abandon(): void {
    this.#payload = undefined;
    this.#skip = 0;
    this.at = this.end;
  }

  release(): void {
    this.abandon();
    this.slab.unpin();
    this.#control.unpin();
  }

  #receivePayload(block: Block): number {
    // Everything that was in the slab went into the payload.
    this.#makeRoom(HEADER);
    const missing = this.#payloadLength - this.#payloadGot;
    const message = this.#message;
    message.clear();
    message.add(block.address + this.#payloadGot, missing);
    message.add(this.slab.address + this.end, HEADER);
    const count = this.#socket.receiveMessage(message);
    if (count > 0) {
      const part = Math.min(count, missing);
      this.#payloadGot += part;
      this.end += count - part;
      this.exhausted = count < missing + HEADER;
    }
    return count;
  }

  #receiveRequests(needed: number): number {
    this.#makeRoom(needed);
    const { slab } = this;
    const isHeader = this.narrow && this.available < HEADER && this.#skip === 0;
    const most = isHeader ? HEADER - this.available : Math.min(RECEIVE_MAX, slab.size - this.end);
    const count = this.#socket.receive(slab.address + this.end, most);
    if (count > 0) {
      this.end += count;
      this.exhausted = count < most;
    }
    return count;
  }

  /** The slab gets room for `needed` bytes from `at` on, and for some more at its end. */
  #makeRoom(needed: number): void {
    const { slab, available } = this;
    const free = slab.pins === 1;
    if (available === 0 && free) {
      this.at = FIRST;
      this.end = FIRST;
    }
    if (slab.size - this.at >= needed && slab.size - this.end >= ROOM_MIN) return;
    if (free) slab.bytes.copyWithin(FIRST, this.at, this.end);
    else {
      // The device still works on parts of it.
      this.slab = this.#blocks.take(SLAB_SIZE);
      slab.bytes.copy(this.slab.bytes, FIRST, this.at, this.end);
      slab.unpin();
    }
    this.at = FIRST;
    this.end = FIRST + available;
  }
}
