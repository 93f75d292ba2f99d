/**
 * The flushes of one open file: one at a time, and none after one that failed.
 *
 * Linux reports a failed write-back once only, to the first fdatasync(2) that comes along, and marks the pages
 * clean all the same: the next one succeeds although the data is lost. So a failure must reach everyone
 * who waits, and whatever has been written since the last success must never be called stable again.
 */
export class Flushes {
  readonly #sync: () => Promise<void>;
  #last: Promise<void> = Promise.resolve();
  /** Not begun yet: whoever comes now shares it. */
  #next: Promise<void> | undefined;

  /** @param sync makes everything written before its call stable */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Everything written before this call is stable when it resolves. */
  flush(): Promise<void> {
    if (!this.#next) {
      // After a failure this is never called, and the same rejection is all there is.
      this.#next = this.#last.then(() => {
        this.#next = undefined;
        return this.#sync();
      });
      this.#last = this.#next;
    }
    return this.#next;
  }
}
