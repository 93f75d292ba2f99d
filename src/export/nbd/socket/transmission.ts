import type { BlockDevice } from '../../../block/device.ts';
import * as nbd from '../../../block/nbd/protocol.ts';
import { andThen } from '../../../maybe-promise.ts';
import type { Libc } from '../../../sys/ffi.ts';
import { BROKEN, StreamSocket } from '../../../sys/stream-socket.ts';
import { blockStatus, change } from '../commands.ts';
import { nbdError } from '../errno.ts';
import { InFlight } from '../in-flight.ts';
import { FAREWELL_TIMEOUT, MAX_BYTES, MAX_REQUESTS, REQUEST_COST, TURN_BYTES } from '../limits.ts';
import { RequestRules, type RuleOptions } from '../request-rules.ts';
import { type Block, threadBlocks } from './blocks.ts';
import { RequestCounters } from './counters.ts';
import { Eagerness } from './eagerness.ts';
import { Incoming } from './incoming.ts';
import { Outgoing } from './outgoing.ts';
import { ReadRequests, UNSENT_ENOUGH } from './read-requests.ts';
import { DEAD, DRAINING, Roles, type Sharing } from './roles.ts';
import { WriteRequests } from './write-requests.ts';

export interface SocketTransmissionOptions extends RuleOptions {
  readonly fd: number;
  /** Bytes received before. */
  readonly received?: Uint8Array;
  /** Other threads serve the connection too. */
  readonly sharing?: Sharing;
}

const REQUEST = nbd.Request.offsetOf;
const HEADER = nbd.Request.size;
/**
 * A request this long is worth another thread's wake-up, and a payload this long is received into a block of its own.
 */
const LONG = 32 * 1024;

/** A write whose payload is being received. */
interface PartialWrite {
  /** undefined: the request is refused and its payload only skipped. */
  block: Block | undefined;
  error: number;
  flags: number;
  offset: number;
  length: number;
  high: number;
  low: number;
}

/**
 * The transmission phase of one connection, over its socket's descriptor: many requests are received at once, served
 * on memory that the kernel reads and writes in place, and answered together. Several threads may do so over one
 * connection, each with a transmission of its own: one of them receives; when it comes to a long request while more
 * wait, it lets another one receive before it serves that.
 *
 * Everything happens in `#pump`, in one turn of the event loop after whatever woke it.
 */
export class SocketTransmission {
  readonly counters = new RequestCounters();
  /** Settles when nothing is under way any more and no request is taken; rejects when something broke here. */
  readonly ended: Promise<void>;
  readonly #device: BlockDevice;
  readonly #rules: RequestRules;
  readonly #socket: StreamSocket;
  readonly #roles: Roles;
  readonly #in: Incoming;
  readonly #out: Outgoing;
  readonly #reads: ReadRequests;
  readonly #writes: WriteRequests;
  readonly #blocks = threadBlocks();
  readonly #inFlight: InFlight;
  readonly #partial: PartialWrite = {
    block: undefined,
    error: 0,
    flags: 0,
    offset: 0,
    length: 0,
    high: 0,
    low: 0,
  };
  #scheduled = false;
  #turn = 0;
  readonly #eagerness = new Eagerness();
  /** Requests taken since something was received last. */
  #taken = 0;
  /** To be woken when something comes. */
  #starving = false;
  /** There is more to do once fewer replies wait. */
  #held = false;
  /** Another thread was woken to receive what comes next. */
  #left = false;
  #draining = false;
  #finished = false;
  #farewell: NodeJS.Timeout | undefined;
  #end: (failure?: unknown) => void = () => {};

  constructor(c: Libc, device: BlockDevice, options: SocketTransmissionOptions) {
    this.#device = device;
    this.#rules = new RequestRules(device, options);
    this.#inFlight = new InFlight(this.#schedule);
    this.#socket = new StreamSocket(c, options.fd, this.#schedule);
    this.#roles = new Roles(c, options.sharing, this.#schedule);
    this.#in = new Incoming(this.#socket, this.#blocks);
    this.#out = new Outgoing(this.#socket, this.#blocks, this.#roles);
    const parts = [this.#blocks, this.#out, this.#inFlight, this.counters] as const;
    this.#reads = new ReadRequests(device, options.structuredReplies, ...parts);
    this.#writes = new WriteRequests(device, ...parts);
    this.ended = new Promise((resolve, reject) => {
      this.#end = (failure) => (failure === undefined ? resolve() : reject(failure));
    });
    if (options.received && options.received.length > 0) this.#in.put(options.received);
    this.#schedule();
  }

  /** Takes no more requests, here and in the other threads; those under way are finished and answered. */
  drain(): void {
    this.#roles.raise(DRAINING);
    this.#schedule();
  }

  readonly #schedule = (): void => {
    if (this.#scheduled || this.#finished) return;
    this.#scheduled = true;
    setImmediate(this.#pump);
  };

  readonly #pump = (): void => {
    this.#scheduled = false;
    if (this.#finished) return;
    try {
      this.#work();
    } catch (failure) {
      // Nothing above throws; whatever this is, the connection must not hang.
      this.#breach();
      this.#stop();
      this.#finish(failure);
    }
  };

  #work(): void {
    const roles = this.#roles;
    roles.awake();
    this.#out.unblock();
    this.#out.flush();
    this.#turn = 0;
    this.#starving = false;
    this.#held = false;
    this.#left = false;
    this.#follow();
    if (!this.#draining) {
      this.#serve();
      while (this.#rest()) this.#serve();
      this.#follow();
    } else this.#advance();
    this.#out.flush();
    if (this.#out.broken) this.#breach();
    else if (this.#out.unsent > 0 && !this.#out.blocked && roles.waitToSend()) this.#out.flush();
    this.#follow();
    if (this.#draining && this.#isDone()) this.#finish();
    else {
      // Sent after all, by the last flush: no wake-up will tell.
      if (this.#held && this.#out.unsent <= UNSENT_ENOUGH) this.#schedule();
      this.#socket.watch(this.#starving && !this.#draining, this.#out.blocked);
    }
  }

  /** Does what the state of the connection asks for. */
  #follow(): void {
    const { state } = this.#roles;
    if (state >= DRAINING && !this.#draining) this.#stop();
    if (state === DEAD && !this.#inFlight.dead) this.#abandon();
  }

  /** Takes requests and serves them until there are no more, or it has to wait for something. */
  #serve(): void {
    const incoming = this.#in;
    for (;;) {
      if (!this.#advance()) return;
      if (!this.#roles.receiving && !this.#receive()) return;
      if (this.#mustWait()) return;
      const needed = this.#next();
      if (needed === TAKEN) continue;
      if (needed === OVER) return;
      this.#out.flush();
      let count: number;
      // With one request at a time there is nothing more before that one is answered.
      if (incoming.exhausted && this.#taken <= 1 && !incoming.inPayload && incoming.available === 0) {
        this.#taken = 0;
        incoming.exhausted = false;
        count = this.#eagerness.receive(incoming, needed);
      } else count = incoming.receive(needed);
      if (count > 0) {
        this.#taken = 0;
        continue;
      }
      if (count === 0) this.#roles.raise(DRAINING);
      else if (count === BROKEN) this.#breach();
      else this.#starving = true;
      return;
    }
  }

  /** Starts more of a long read; true when all of it is. */
  #advance(): boolean {
    if (this.#reads.advance()) return true;
    this.#held = this.#out.unsent > UNSENT_ENOUGH;
    return false;
  }

  /** Becomes the thread that receives, if no other is. */
  #receive(): boolean {
    if (!this.#roles.takeReceiving()) return false;
    this.#in.takeOver(this.#roles);
    return true;
  }

  /** Before sleeping; true when there is something to do after all. */
  #rest(): boolean {
    const roles = this.#roles;
    if (!roles.shared || roles.receiving || this.#left || !this.#reads.started) return false;
    if (!roles.becomeIdle()) return false;
    this.#in.takeOver(roles);
    return true;
  }

  #mustWait(): boolean {
    // A payload on its way is memory already taken: it may be completed.
    if (!this.#in.inPayload) {
      const unsent = this.#out.unsent;
      const full = this.#inFlight.requests >= MAX_REQUESTS || this.#inFlight.bytes + unsent > MAX_BYTES;
      if (full || (unsent > UNSENT_ENOUGH && this.#isRead())) {
        this.#held = unsent > UNSENT_ENOUGH;
        return true;
      }
    }
    if (this.#turn < TURN_BYTES) return false;
    this.#schedule();
    return true;
  }

  /** The next request is there, and a read. */
  #isRead(): boolean {
    const { slab, at, available } = this.#in;
    return available >= HEADER && slab.data.getUint16(at + REQUEST.type) === nbd.NBD_CMD_READ;
  }

  /** Takes the next request; returns how many bytes it needs together when they are not all there, or what became. */
  #next(): number {
    const incoming = this.#in;
    if (incoming.inPayload) return this.#finishPartial();
    if (incoming.available < HEADER) return HEADER;
    const view = incoming.slab.data;
    const { at } = incoming;
    if (view.getUint32(at + REQUEST.magic) !== nbd.NBD_REQUEST_MAGIC) return this.#breach();
    const flags = view.getUint16(at + REQUEST.flags);
    const type = view.getUint16(at + REQUEST.type);
    const high = view.getUint32(at + REQUEST.cookie);
    const low = view.getUint32(at + REQUEST.cookie + 4);
    // Above 2^53 this is not exact, but then it is past the end of every device all the same.
    const offset =
      view.getUint32(at + REQUEST.offset) * 0x1_0000_0000 + view.getUint32(at + REQUEST.offset + 4);
    const length = view.getUint32(at + REQUEST.length);
    if (type === nbd.NBD_CMD_WRITE) return this.#write(flags, offset, length, high, low);
    incoming.at += HEADER;
    incoming.narrow = false;
    this.#taken += 1;
    this.#turn += REQUEST_COST;
    if (type === nbd.NBD_CMD_READ) return this.#read(flags, offset, length, high, low);
    if (type === nbd.NBD_CMD_DISC) {
      this.#roles.raise(DRAINING);
      return OVER;
    }
    this.#other(type, flags, offset, length, high, low);
    return TAKEN;
  }

  #read(flags: number, offset: number, length: number, high: number, low: number): number {
    const error = this.#rules.checkRead(flags, offset, length);
    if (error !== 0) {
      this.#reads.fail(high, low, error);
      return TAKEN;
    }
    this.#turn += length;
    const given = length >= LONG && this.#letReceive();
    this.#reads.start(flags, offset, length, high, low);
    return this.#afterLong(length, given, this.#reads.inline);
  }

  #write(flags: number, offset: number, length: number, high: number, low: number): number {
    const incoming = this.#in;
    // A payload this long is neither taken nor skipped ("Block size constraints": denial of service).
    if (length > nbd.NBD_MAX_PAYLOAD) return this.#breach();
    const there = incoming.available - HEADER;
    const error = this.#rules.check(nbd.NBD_CMD_WRITE, flags, offset, length);
    if (error === 0 && there < length && length < LONG) return HEADER + length;
    incoming.at += HEADER;
    incoming.narrow = length >= LONG;
    this.#taken += 1;
    this.#turn += REQUEST_COST + length;
    if (error === 0 && there >= length) {
      const { slab, at } = incoming;
      incoming.at += length;
      this.#writes.fromSlab(slab, at, flags, offset, length, high, low);
      return TAKEN;
    }
    const partial = this.#partial;
    partial.error = error;
    partial.flags = flags;
    partial.offset = offset;
    partial.length = length;
    partial.high = high;
    partial.low = low;
    if (error === 0) {
      const block = this.#blocks.take(length);
      partial.block = block;
      this.#inFlight.bytes += block.size;
      incoming.beginPayload(block, length);
    } else {
      incoming.beginSkip(length);
    }
    return this.#finishPartial();
  }

  /** Goes on with a payload that did not come in one piece with its header. */
  #finishPartial(): number {
    const partial = this.#partial;
    const { block, flags, offset, length, high, low } = partial;
    if (!block) {
      if (!this.#in.skipped()) return HEADER;
      this.#writes.answer(high, low, partial.error);
      return TAKEN;
    }
    if (!this.#in.endPayload()) return HEADER;
    partial.block = undefined;
    this.#inFlight.bytes -= block.size;
    const given = this.#letReceive();
    this.#writes.write(block, 0, flags, offset, length, high, low);
    return this.#afterLong(length, given, this.#writes.inline);
  }

  /** Before a long request is served: another thread may receive meanwhile, if there is anything to receive. */
  #letReceive(): Handed {
    if (!this.#roles.shared || !this.#in.moreWaits()) return KEPT;
    this.#out.flush();
    return this.#in.handOver(this.#roles) ? WOKEN : RELEASED;
  }

  #afterLong(length: number, given: Handed | false, inline: boolean): number {
    if (length >= LONG) this.#out.flush();
    // What finishes later costs this thread little now; the one that was woken for the next request shall have it.
    if (given === WOKEN && !inline) {
      this.#roles.leaveToOthers();
      this.#left = true;
      return OVER;
    }
    return TAKEN;
  }

  /** Everything that carries no data. */
  #other(type: number, flags: number, offset: number, length: number, high: number, low: number): void {
    const error = this.#rules.check(type, flags, offset, length);
    if (error !== 0) {
      this.#writes.answer(high, low, error);
      return;
    }
    const fastZero = (flags & nbd.NBD_CMD_FLAG_FAST_ZERO) !== 0;
    const isStatus = type === nbd.NBD_CMD_BLOCK_STATUS;
    if (!isStatus) this.counters.change(type);
    const answer = (code: number): void => {
      // A successful status request is answered with what was found.
      if (code !== 0 || !isStatus) this.#writes.answer(high, low, code);
    };
    const found = (payload: Uint8Array): void => {
      if (!this.#inFlight.dead) this.#out.chunk(high, low, nbd.NBD_REPLY_TYPE_BLOCK_STATUS, payload);
    };
    try {
      const done = isStatus
        ? andThen(blockStatus(this.#device, flags, offset, length), found)
        : change(this.#device, type, flags, offset, length);
      if (done instanceof Promise) this.#inFlight.add(done, answer, undefined, fastZero);
      else answer(0);
    } catch (failure) {
      answer(nbdError(failure, fastZero));
    }
  }

  /** The peer broke the protocol beyond repair, or the connection did: for all threads. */
  #breach(): number {
    this.#roles.raise(DEAD);
    this.#socket.abort();
    return OVER;
  }

  /** Takes no more requests. */
  #stop(): void {
    this.#draining = true;
    this.#in.abandon();
    const { block } = this.#partial;
    this.#partial.block = undefined;
    if (!block) return;
    this.#inFlight.bytes -= block.size;
    block.unpin();
  }

  /** Nobody is answered any more. */
  #abandon(): void {
    this.#inFlight.dead = true;
    this.#reads.abandon();
    this.#out.abandon();
  }

  #isDone(): boolean {
    if (this.#inFlight.requests > 0 || !this.#reads.started) return false;
    if (this.#out.unsent === 0) return true;
    this.#farewell ??= setTimeout(() => {
      this.#breach();
      this.#schedule();
    }, FAREWELL_TIMEOUT).unref();
    return false;
  }

  #finish(failure?: unknown): void {
    this.#finished = true;
    clearTimeout(this.#farewell);
    this.#socket.close();
    this.#inFlight.dead = true;
    this.#reads.abandon();
    this.#out.release();
    this.#in.release();
    this.#roles.close();
    this.#end(failure);
  }
}

/** What `#next` returns instead of a number of bytes: go on, or nothing more can be taken now. */
const TAKEN = 0;
const OVER = -1;

/** Whether the receiving role was given up, and somebody woken for it. */
type Handed = 0 | 1 | 2;
const KEPT = 0;
const RELEASED = 1;
const WOKEN = 2;
