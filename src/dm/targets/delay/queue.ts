import type { MaybePromise } from '../../../maybe-promise.ts';

/** What a timer of Node's can wait at most, in milliseconds; a longer delay is waited for in several turns. */
const LONGEST_TIMER = 2 ** 31 - 1;

interface Held {
  /** When it may go, on the clock of `performance.now()`. */
  readonly due: number;
  /** Its number among all that were ever held. */
  readonly order: number;
  readonly send: () => MaybePromise<void>;
  readonly resolve: (ended: MaybePromise<void>) => void;
  readonly reject: (error: unknown) => void;
  next: Held | undefined;
}

/** The requests of one class that are being held. All wait equally long, so they go in the order they came. */
export class Lane {
  /** Milliseconds. */
  readonly delay: number;
  #count = 0;
  #first: Held | undefined;
  #last: Held | undefined;

  constructor(delay: number) {
    this.delay = delay;
  }

  /** Requests held now. */
  get count(): number {
    return this.#count;
  }

  get first(): Held | undefined {
    return this.#first;
  }

  add(held: Held): void {
    if (this.#last) this.#last.next = held;
    else this.#first = held;
    this.#last = held;
    this.#count++;
  }

  removeFirst(): void {
    this.#first = this.#first?.next;
    if (!this.#first) this.#last = undefined;
    this.#count--;
  }
}

/**
 * Holds requests until they are due. One timer serves all lanes, and runs only while a request is held: it
 * keeps the process alive for as long as somebody waits for an answer.
 */
export class DelayQueue {
  readonly #lanes: readonly Lane[];
  #order = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is to fire. */
  #firing = Number.POSITIVE_INFINITY;

  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
  }

  /**
   * Makes a request `lane.delay` milliseconds from now, or when it is released.
   *
   * @param send makes it
   * @returns how it ended
   */
  hold(lane: Lane, send: () => MaybePromise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const due = performance.now() + lane.delay;
      lane.add({ due, order: this.#order++, send, resolve, reject, next: undefined });
      this.#wakeAt(due);
    });
  }

  /** Makes all requests that are held, at once, in the order they came. */
  release(): void {
    this.#sendUntil(Number.POSITIVE_INFINITY);
    this.#stopTimer();
  }

  readonly #fire = (): void => {
    this.#stopTimer();
    this.#sendUntil(performance.now());
    for (const { first } of this.#lanes) if (first) this.#wakeAt(first.due);
  };

  #sendUntil(now: number): void {
    for (let lane = this.#next(now); lane; lane = this.#next(now)) {
      const { first } = lane;
      lane.removeFirst();
      if (first) send(first);
    }
  }

  /** The lane with the oldest request among those that are due. */
  #next(now: number): Lane | undefined {
    let oldest: Lane | undefined;
    for (const lane of this.#lanes) {
      const { first } = lane;
      if (!first || first.due > now) continue;
      if (!oldest?.first || first.order < oldest.first.order) oldest = lane;
    }
    return oldest;
  }

  #wakeAt(due: number): void {
    if (due >= this.#firing) return;
    this.#stopTimer();
    this.#firing = due;
    const wait = Math.max(1, Math.ceil(due - performance.now()));
    this.#timer = setTimeout(this.#fire, Math.min(wait, LONGEST_TIMER));
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#firing = Number.POSITIVE_INFINITY;
  }
}

function send(held: Held): void {
  try {
    held.resolve(held.send());
  } catch (error) {
    held.reject(error);
  }
}
