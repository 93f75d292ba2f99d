import type { Writable } from 'node:stream';
import type { BlockDevice } from '../../block/device.ts';
import * as nbd from '../../block/nbd/protocol.ts';
import { andThen, type MaybePromise } from '../../maybe-promise.ts';
import type { BufferPool } from './buffers.ts';
import { blockStatus, change, writeTo } from './commands.ts';
import { nbdError } from './errno.ts';
import { InFlight } from './in-flight.ts';
import { MAX_BYTES, MAX_REQUESTS, REQUEST_COST, TURN_BYTES } from './limits.ts';
import { Reads } from './reads.ts';
import type { ReceivedBytes } from './receiver.ts';
import { ReplyQueue } from './replies.ts';
import { RequestRules, type RuleOptions } from './request-rules.ts';

export interface TransmissionEvents {
  /** Stop or go on reading from the socket. */
  pause(): void;
  resume(): void;
  /** The peer broke the protocol beyond repair: drop the connection. */
  breach(): void;
  /** NBD_CMD_DISC. */
  disconnect(): void;
  /** After `drain`: no request is under way any more. */
  idle(): void;
}

/** A payload of which at least this much is missing is received straight into its place. */
const ROOM_MIN = 128 * 1024;

const REQUEST = nbd.Request.offsetOf;
const HEADER = nbd.Request.size;

/** A write whose payload did not come in one piece with its header. */
interface PartialWrite {
  /** undefined: the request is refused and its payload only skipped. */
  readonly buffer: Buffer | undefined;
  readonly error: number;
  readonly length: number;
  readonly offset: number;
  readonly high: number;
  readonly low: number;
  readonly flags: number;
  got: number;
}

/**
 * The transmission phase of one connection: takes requests apart, has the device serve them, in whatever order
 * they complete, and answers. Requests that finish inline cost no promise.
 */
export class Transmission {
  readonly #device: BlockDevice;
  readonly #rules: RequestRules;
  readonly #events: TransmissionEvents;
  readonly #pool: BufferPool;
  readonly #replies: ReplyQueue;
  readonly #reads: Reads;
  readonly #inFlight = new InFlight(() => this.#settled());

  /** Header of which only the first bytes have come. */
  readonly #header = Buffer.alloc(HEADER);
  readonly #headerView = new DataView(this.#header.buffer, this.#header.byteOffset, HEADER);
  #headerGot = 0;
  #partial: PartialWrite | undefined;

  /** Received bytes not looked at yet, because too much is under way. */
  #held: { readonly bytes: ReceivedBytes; readonly at: number; readonly end: number } | undefined;
  #paused = false;
  #yielding = false;
  #turn = 0;
  #draining = false;

  constructor(
    device: BlockDevice,
    options: RuleOptions,
    socket: Writable,
    pool: BufferPool,
    events: TransmissionEvents,
  ) {
    this.#device = device;
    this.#rules = new RequestRules(device, options);
    this.#events = events;
    this.#pool = pool;
    this.#replies = new ReplyQueue(socket, pool);
    this.#reads = new Reads(device, options.structuredReplies, pool, this.#replies, this.#inFlight);
    socket.on('drain', () => this.#proceed());
  }

  /** Where the next bytes from the socket should go, when much of a payload is still to come. */
  get room(): Buffer | undefined {
    const partial = this.#partial;
    // Bytes held back come before those still in the socket.
    if (!partial?.buffer || this.#held || partial.length - partial.got < ROOM_MIN) return undefined;
    return partial.buffer.subarray(partial.got, partial.length);
  }

  /** `count` bytes were put where {@link room} said. */
  roomReceived(count: number): void {
    const partial = this.#partial;
    if (!partial) return;
    partial.got += count;
    if (partial.got === partial.length) this.#finishPartial(partial);
    this.#replies.flush();
  }

  /** Bytes from the socket, `at` … `end` of the buffer. */
  received(bytes: ReceivedBytes, at: number, end: number): void {
    if (this.#held) {
      this.#events.breach();
      return;
    }
    this.#turn = 0;
    bytes.pin();
    this.#parse(bytes, at, end);
  }

  /** Takes no more requests; those under way are finished and answered, then `idle` is called. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#held?.bytes.unpin();
    this.#held = undefined;
    // The buffer of a partial write is not used again: the socket may still be about to write into it.
    this.#partial = undefined;
    if (this.#inFlight.requests === 0) this.#becomeIdle();
  }

  /** The socket is gone: nobody is answered any more. */
  abandon(): void {
    this.#inFlight.dead = true;
    this.drain();
  }

  #parse(bytes: ReceivedBytes, start: number, end: number): void {
    let at = start;
    while (at < end && !this.#draining) {
      if (this.#mustWait()) {
        this.#held = { bytes, at, end };
        this.#replies.flush();
        return;
      }
      if (this.#partial) {
        at = this.#fillPartial(this.#partial, bytes, at, end);
      } else if (this.#headerGot > 0 || end - at < HEADER) {
        const count = Math.min(HEADER - this.#headerGot, end - at);
        this.#header.set(bytes.buffer.subarray(at, at + count), this.#headerGot);
        this.#headerGot += count;
        at += count;
        if (this.#headerGot < HEADER) break;
        this.#headerGot = 0;
        at = this.#request(this.#headerView, 0, bytes, at, end);
      } else {
        at = this.#request(bytes.view, at, bytes, at + HEADER, end);
      }
    }
    bytes.unpin();
    if (!this.#inFlight.dead) this.#replies.flush();
  }

  /** One request, its header at `header`, what follows it from `at` on. Returns where the next one starts. */
  #request(view: DataView, header: number, bytes: ReceivedBytes, at: number, end: number): number {
    if (view.getUint32(header + REQUEST.magic) !== nbd.NBD_REQUEST_MAGIC) return this.#breach(end);
    const flags = view.getUint16(header + REQUEST.flags);
    const type = view.getUint16(header + REQUEST.type);
    const high = view.getUint32(header + REQUEST.cookie);
    const low = view.getUint32(header + REQUEST.cookie + 4);
    // Above 2^53 this is not exact, but then it is past the end of every device all the same.
    const offset =
      view.getUint32(header + REQUEST.offset) * 0x1_0000_0000 + view.getUint32(header + REQUEST.offset + 4);
    const length = view.getUint32(header + REQUEST.length);
    this.#turn += REQUEST_COST;

    if (type === nbd.NBD_CMD_READ) {
      const error = this.#rules.checkRead(flags, offset, length);
      if (error !== 0) this.#reads.fail(high, low, error);
      else {
        this.#turn += length;
        this.#reads.read(flags, offset, length, high, low);
      }
      return at;
    }
    if (type === nbd.NBD_CMD_WRITE) {
      // A payload this long is neither taken nor skipped ("Block size constraints": denial of service).
      if (length > nbd.NBD_MAX_PAYLOAD) return this.#breach(end);
      const error = this.#rules.check(type, flags, offset, length);
      this.#turn += length;
      if (end - at < length) {
        const buffer = error === 0 ? this.#pool.take(length) : undefined;
        this.#inFlight.bytes += buffer?.length ?? 0;
        this.#partial = { buffer, error, length, offset, high, low, flags, got: 0 };
        return at;
      }
      if (error !== 0) this.#replies.simple(high, low, error);
      else this.#write(offset, bytes.buffer.subarray(at, at + length), flags, high, low, bytes, undefined);
      return at + length;
    }
    if (type === nbd.NBD_CMD_DISC) {
      this.#events.disconnect();
      return end;
    }
    this.#other(type, flags, offset, length, high, low);
    return at;
  }

  #fillPartial(partial: PartialWrite, bytes: ReceivedBytes, at: number, end: number): number {
    const count = Math.min(partial.length - partial.got, end - at);
    if (partial.buffer) partial.buffer.set(bytes.buffer.subarray(at, at + count), partial.got);
    partial.got += count;
    if (partial.got === partial.length) this.#finishPartial(partial);
    return at + count;
  }

  #finishPartial(partial: PartialWrite): void {
    this.#partial = undefined;
    const { buffer, error, length, offset, high, low, flags } = partial;
    if (!buffer) {
      this.#replies.simple(high, low, error);
      return;
    }
    this.#write(offset, buffer.subarray(0, length), flags, high, low, undefined, buffer);
  }

  /**
   * @param bytes what `data` is part of, if it is: pinned until the write is done
   * @param owned the buffer from the pool that `data` is part of, if it is: given back then
   */
  #write(
    offset: number,
    data: Buffer,
    flags: number,
    high: number,
    low: number,
    bytes: ReceivedBytes | undefined,
    owned: Buffer | undefined,
  ): void {
    let done: MaybePromise<void> | undefined;
    let error = 0;
    try {
      done = writeTo(this.#device, flags, offset, data);
    } catch (failure) {
      error = nbdError(failure);
    }
    if (!(done instanceof Promise)) {
      if (owned) this.#giveBack(owned);
      this.#replies.simple(high, low, error);
      return;
    }
    // Nothing can be received into the slab meanwhile, so all of it counts.
    const cost = bytes?.pin() ?? 0;
    this.#inFlight.bytes += cost;
    this.#inFlight.add(
      done,
      (code) => this.#replies.simple(high, low, code),
      () => {
        this.#inFlight.bytes -= cost;
        bytes?.unpin();
        if (owned) this.#giveBack(owned);
      },
    );
  }

  /** Everything that carries no data. */
  #other(type: number, flags: number, offset: number, length: number, high: number, low: number): void {
    const error = this.#rules.check(type, flags, offset, length);
    if (error !== 0) {
      this.#replies.simple(high, low, error);
      return;
    }
    const fastZero = (flags & nbd.NBD_CMD_FLAG_FAST_ZERO) !== 0;
    const isStatus = type === nbd.NBD_CMD_BLOCK_STATUS;
    const answer = (code: number): void => {
      // A successful status request is answered with what was found.
      if (code !== 0 || !isStatus) this.#replies.simple(high, low, code);
    };
    try {
      const done = isStatus
        ? this.#blockStatus(flags, offset, length, high, low)
        : change(this.#device, type, flags, offset, length);
      if (done instanceof Promise) this.#inFlight.add(done, answer, undefined, fastZero);
      else answer(0);
    } catch (failure) {
      answer(nbdError(failure, fastZero));
    }
  }

  #blockStatus(flags: number, offset: number, length: number, high: number, low: number): MaybePromise<void> {
    return andThen(blockStatus(this.#device, flags, offset, length), (payload) => {
      if (this.#inFlight.dead) return;
      this.#replies.chunk(high, low, nbd.NBD_REPLY_TYPE_BLOCK_STATUS, payload);
    });
  }

  #giveBack(owned: Buffer): void {
    this.#inFlight.bytes -= owned.length;
    this.#pool.give(owned);
  }

  /** A request that had not finished inline did, and was answered. */
  #settled(): void {
    if (!this.#inFlight.dead) this.#replies.flushSoon();
    if (!this.#draining) this.#proceed();
    else if (this.#inFlight.requests === 0) this.#becomeIdle();
  }

  #mustWait(): boolean {
    const full =
      this.#inFlight.requests >= MAX_REQUESTS || this.#inFlight.bytes + this.#replies.waiting > MAX_BYTES;
    // A payload on its way is memory already taken: it may be completed.
    if (full && !this.#partial) {
      this.#pause();
      return true;
    }
    if (this.#turn < TURN_BYTES) return false;
    this.#pause();
    this.#yieldTurn();
    return true;
  }

  #yieldTurn(): void {
    if (this.#yielding) return;
    this.#yielding = true;
    setImmediate(() => {
      this.#yielding = false;
      this.#turn = 0;
      this.#proceed();
    });
  }

  /** Goes on with what was held back, if there is room again. */
  #proceed(): void {
    if (!this.#paused || this.#yielding || this.#draining) return;
    const held = this.#held;
    this.#held = undefined;
    this.#paused = false;
    if (held) this.#parse(held.bytes, held.at, held.end);
    if (!this.#paused && !this.#draining) this.#events.resume();
  }

  #pause(): void {
    this.#paused = true;
    this.#events.pause();
  }

  #becomeIdle(): void {
    if (!this.#inFlight.dead) this.#replies.flush();
    this.#events.idle();
  }

  #breach(end: number): number {
    this.#events.breach();
    return end;
  }
}
