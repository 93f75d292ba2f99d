import type { MaybePromise } from '../../../maybe-promise.ts';

interface Held {
  readonly again: () => MaybePromise<void>;
  readonly resolve: (done: MaybePromise<void>) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests that wait for a path (`queue_if_no_path`), in the order they came. */
export class HeldRequests {
  #held: Held[] = [];

  /** @param again makes the request, when {@link release} is called; it may be held again then */
  hold(again: () => MaybePromise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#held.push({ again, resolve, reject });
    });
  }

  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const { again, resolve, reject } of held) {
      try {
        resolve(again());
      } catch (error) {
        reject(error);
      }
    }
  }
}
