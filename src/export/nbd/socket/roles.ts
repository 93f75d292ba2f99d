import { addressOf } from '../../../sys/address.ts';
import { type Libc, libc, type PollHandle } from '../../../sys/ffi.ts';

/**
 * What the threads that serve one connection share. One of them receives at a time, one sends; who they are is said
 * by words in shared memory, and nobody waits for a word: a thread that cannot have a role sleeps in its event loop
 * and is woken through its eventfd(2).
 */
export interface Sharing {
  readonly memory: SharedArrayBuffer;
  /** One eventfd for each thread, open until all have ended. */
  readonly wakeups: readonly number[];
  /** Which of the threads this is. */
  readonly index: number;
}

/** How far a connection is. States only ever go up. */
const SERVING = 0;
/** No more requests are taken. */
export const DRAINING = 1;
/** Nobody is answered any more. */
export const DEAD = 2;

// Words, those that are written often on cache lines of their own.
const RECEIVER = 0;
const SENDER = 32;
/** A bit for each thread that sleeps and could receive. */
const IDLE = 64;
/** A bit for each thread that sleeps with replies that it could not send. */
const WAITING = 96;
const STATE = 128;
const LEFT_COUNT = 160;
/** 1: the last request received was a long write. */
const LEFT_NARROW = 161;
/** Received bytes that the last receiver left to the next. */
const LEFT_AT = 4096;
/** Room for them, and for what was received before transmission began. */
export const LEFT_MAX = 512 * 1024;
/** Threads that can serve one connection. */
export const MAX_THREADS = 16;

const EVENT_SIZE = 8;

/** The memory behind {@link Sharing}. */
export function sharedMemory(received: Uint8Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(LEFT_AT + LEFT_MAX);
  new Uint8Array(memory, LEFT_AT).set(received);
  new Int32Array(memory)[LEFT_COUNT] = received.length;
  return memory;
}

/** Ends a connection from outside its threads, or from one of them. */
export function raiseState(sharing: Omit<Sharing, 'index'>, state: number): void {
  const words = new Int32Array(sharing.memory);
  let now = Atomics.load(words, STATE);
  while (now < state) now = Atomics.compareExchange(words, STATE, now, state);
  const c = libc();
  const one = eventBytes();
  for (const fd of sharing.wakeups) c?.write(fd, addressOf(one), EVENT_SIZE);
}

/** A thread's part in a connection. Without sharing it has every role at once. */
export class Roles {
  readonly #words: Int32Array | undefined;
  readonly #left: Uint8Array | undefined;
  readonly #sharing: Sharing | undefined;
  readonly #c: Libc;
  readonly #bit: number;
  readonly #one = eventBytes();
  readonly #event = eventBytes();
  readonly #oneAddress = addressOf(this.#one);
  readonly #eventAddress = addressOf(this.#event);
  readonly #poll: PollHandle | undefined;
  #woken = false;
  #receiving: boolean;
  #sending = false;
  /** Our bits in {@link IDLE} and {@link WAITING} may be set. */
  #idle = false;
  #waiting = false;
  #state = SERVING;

  /** @param wake called when another thread has something for this one to do */
  constructor(c: Libc, sharing: Sharing | undefined, wake: () => void) {
    this.#c = c;
    this.#sharing = sharing;
    this.#bit = 1 << (sharing?.index ?? 0);
    this.#receiving = !sharing;
    if (!sharing) return;
    this.#words = new Int32Array(sharing.memory);
    this.#left = new Uint8Array(sharing.memory, LEFT_AT);
    const woken = (): void => {
      this.#woken = true;
      wake();
    };
    this.#poll = c.poll(sharing.wakeups[sharing.index] as number, { readable: true }, woken);
  }

  get shared(): boolean {
    return this.#words !== undefined;
  }

  get receiving(): boolean {
    return this.#receiving;
  }

  /** How far the connection is, whoever said so. */
  get state(): number {
    return this.#words ? Atomics.load(this.#words, STATE) : this.#state;
  }

  raise(state: number): void {
    if (this.state >= state) return;
    this.#state = state;
    if (this.#sharing) raiseState(this.#sharing, state);
  }

  /** Before anything else that a wake-up leads to. */
  awake(): void {
    if (!this.#words || !this.#sharing) return;
    if (this.#idle) {
      this.#idle = false;
      Atomics.and(this.#words, IDLE, ~this.#bit);
    }
    if (!this.#woken) return;
    this.#woken = false;
    this.#c.read(this.#sharing.wakeups[this.#sharing.index] as number, this.#eventAddress, EVENT_SIZE);
  }

  takeReceiving(): boolean {
    const words = this.#words as Int32Array;
    this.#receiving = Atomics.compareExchange(words, RECEIVER, 0, this.#bit) === 0;
    return this.#receiving;
  }

  /** What the receiver before has left, copied to `into`; returns how much. */
  takeLeft(into: Uint8Array): number {
    const count = this.leftCount;
    if (count > 0) into.set((this.#left as Uint8Array).subarray(0, count));
    return count;
  }

  get leftCount(): number {
    return (this.#words as Int32Array)[LEFT_COUNT] as number;
  }

  get leftNarrow(): boolean {
    return (this.#words as Int32Array)[LEFT_NARROW] === 1;
  }

  /**
   * Lets another thread receive.
   *
   * @param left received bytes not looked at, at most LEFT_MAX
   * @returns whether one was woken for it; none is when all are busy: who finishes first receives
   */
  releaseReceiving(left: Uint8Array, narrow: boolean): boolean {
    const words = this.#words as Int32Array;
    if (left.length > 0) (this.#left as Uint8Array).set(left);
    words[LEFT_COUNT] = left.length;
    words[LEFT_NARROW] = narrow ? 1 : 0;
    this.#receiving = false;
    Atomics.store(words, RECEIVER, 0);
    return this.#wakeOne(IDLE);
  }

  /** Before sleeping without the receiving role; true: it is to be had after all, and taken. */
  becomeIdle(): boolean {
    const words = this.#words as Int32Array;
    this.leaveToOthers();
    if (Atomics.load(words, RECEIVER) !== 0 || !this.takeReceiving()) return false;
    this.#idle = false;
    Atomics.and(words, IDLE, ~this.#bit);
    return true;
  }

  /** Before sleeping while another thread was woken to receive. */
  leaveToOthers(): void {
    this.#idle = true;
    Atomics.or(this.#words as Int32Array, IDLE, this.#bit);
  }

  /** The right to send, which is kept until `releaseSending`. */
  takeSending(): boolean {
    const words = this.#words;
    if (this.#sending || !words) return true;
    if (Atomics.compareExchange(words, SENDER, 0, this.#bit) !== 0) return false;
    this.#sending = true;
    // Who has it is not to be woken for it: the wake-up would be missed by another.
    if (this.#waiting) Atomics.and(words, WAITING, ~this.#bit);
    this.#waiting = false;
    return true;
  }

  releaseSending(): void {
    if (!this.#sending || !this.#words) return;
    this.#sending = false;
    Atomics.store(this.#words, SENDER, 0);
    this.#wakeOne(WAITING);
  }

  /** Before sleeping with unsent replies; true: there is the right to send after all. */
  waitToSend(): boolean {
    if (!this.#words) return true;
    this.#waiting = true;
    Atomics.or(this.#words, WAITING, this.#bit);
    return Atomics.load(this.#words, SENDER) === 0 && this.takeSending();
  }

  /** Takes no part any more. */
  close(): void {
    this.#poll?.close();
    if (!this.#words) return;
    Atomics.and(this.#words, IDLE, ~this.#bit);
    Atomics.and(this.#words, WAITING, ~this.#bit);
    this.releaseSending();
  }

  #wakeOne(word: number): boolean {
    const words = this.#words as Int32Array;
    for (;;) {
      const mask = Atomics.load(words, word);
      if (mask === 0) return false;
      const bit = mask & -mask;
      if (Atomics.compareExchange(words, word, mask, mask & ~bit) !== mask) continue;
      const fd = this.#sharing?.wakeups[31 - Math.clz32(bit)] as number;
      this.#c.write(fd, this.#oneAddress, EVENT_SIZE);
      return true;
    }
  }
}

/** The number 1 as eventfd takes it, in memory that does not move. */
function eventBytes(): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(128);
  new BigUint64Array(bytes.buffer)[0] = 1n;
  return bytes;
}
