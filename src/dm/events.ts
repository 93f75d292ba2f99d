/**
 * A mapped device's event number, and who waits for it to change (`dmsetup wait`). The number is 32 bits wide
 * and wraps.
 */
export class Events {
  #number: number;
  readonly #waiters = new Set<Waiter>();

  /** @param number where counting begins */
  constructor(number = 0) {
    this.#number = number;
  }

  get number(): number {
    return this.#number;
  }

  raise(): void {
    this.#number = (this.#number + 1) >>> 0;
    for (const waiter of this.#waiters) waiter.resolve(this.#number);
    this.#waiters.clear();
  }

  /**
   * The number as soon as it is another one than `known`: at once if it is already.
   *
   * @throws the signal's reason, or what {@link end} was given
   */
  wait(known: number, signal?: AbortSignal): Promise<number> {
    if (this.#number !== known) return Promise.resolve(this.#number);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const abort = (): void => waiter.reject(signal?.reason);
      const waiter: Waiter = {
        resolve: (number) => {
          signal?.removeEventListener('abort', abort);
          resolve(number);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', abort);
          this.#waiters.delete(waiter);
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', abort);
    });
  }

  /** There will be no more: whoever waits fails with `error`. */
  end(error: unknown): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }
}

interface Waiter {
  readonly resolve: (number: number) => void;
  readonly reject: (error: unknown) => void;
}
