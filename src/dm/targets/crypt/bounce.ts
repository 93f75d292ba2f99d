import { arena } from '../../../arena.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import { KIB, MIB } from '../../../units.ts';

/** Buffers come in powers of two between these. */
const SMALLEST = 4 * KIB;
/** The largest piece that is encrypted and written at a time. */
export const PIECE_SIZE = 256 * KIB;
/** What one target's buffers may take together, in use and kept. */
const BUDGET = 8 * MIB;

/** A buffer on loan. */
export interface Bounce {
  /** Exactly as long as asked for. */
  data: Uint8Array;
  readonly whole: Uint8Array;
}

/**
 * Buffers that writes are encrypted in when the caller's own may not be changed. They are kept for the
 * next write, so that a steady load allocates nothing; when the budget is spent, writes wait their turn.
 * They are in the thread's arena, while that has room: there ciphers work in place.
 */
export class BouncePool {
  readonly #kept = new Map<number, Bounce[]>();
  readonly #waiting: { readonly length: number; readonly resolve: (bounce: Bounce) => void }[] = [];
  readonly #budget: number;
  /** Bytes of all buffers there are. */
  #total = 0;
  #disposed = false;

  constructor(budget = BUDGET) {
    this.#budget = budget;
  }

  /** Bytes allocated, in use and kept. */
  get total(): number {
    return this.#total;
  }

  /** @param length at most {@link PIECE_SIZE} */
  take(length: number): MaybePromise<Bounce> {
    const bounce = this.#waiting.length === 0 ? this.#tryTake(length) : undefined;
    return bounce ?? new Promise((resolve) => this.#waiting.push({ length, resolve }));
  }

  /** Takes a buffer back. What is in it stays there, so it must be ciphertext by then. */
  give(bounce: Bounce): void {
    this.#keep(bounce);
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const next = this.#tryTake(first.length);
      if (!next) return;
      this.#waiting.shift();
      first.resolve(next);
    }
  }

  /** Gives the buffers' memory back: now, and as they are given back. */
  dispose(): void {
    this.#disposed = true;
    for (const kept of this.#kept.values()) for (const bounce of kept.splice(0)) this.#drop(bounce);
  }

  #tryTake(length: number): Bounce | undefined {
    const size = sizeClass(length);
    const bounce = this.#kept.get(size)?.pop() ?? this.#allocate(size);
    if (bounce && bounce.data.length !== length) {
      bounce.data = size === length ? bounce.whole : bounce.whole.subarray(0, length);
    }
    return bounce;
  }

  #allocate(size: number): Bounce | undefined {
    for (const kept of this.#kept.values()) {
      while (this.#total + size > this.#budget) {
        const dropped = kept.pop();
        if (!dropped) break;
        this.#drop(dropped);
      }
    }
    if (this.#total + size > this.#budget) return undefined;
    this.#total += size;
    const whole = arena()?.take(size) ?? new Uint8Array(size);
    return { data: whole, whole };
  }

  #drop({ whole }: Bounce): void {
    this.#total -= whole.length;
    const memory = arena();
    if (memory?.holds(whole)) memory.give(whole);
  }

  #keep(bounce: Bounce): void {
    if (this.#disposed) {
      this.#drop(bounce);
      return;
    }
    const size = bounce.whole.length;
    const kept = this.#kept.get(size);
    if (kept) kept.push(bounce);
    else this.#kept.set(size, [bounce]);
  }
}

function sizeClass(length: number): number {
  let size = SMALLEST;
  while (size < length) size *= 2;
  return size;
}
