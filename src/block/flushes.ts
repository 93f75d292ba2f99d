/**
 * The flushes of one open file: one at a time, and none after one that failed.
 *
 * Linux reports a failed write-back once only, to the first fdatasync(2) that comes along, and marks the pages
 * clean all the same: the next one succeeds although the data is lost. So a failure must reach everyone
 * who waits, and whatever has been written since the last success must never be called stable again. Writes that
 * are stable by themselves (RWF_DSYNC) may be told of the failure in a flush's place, and so belong here.
 */
export class Flushes {
  readonly #sync: () => Promise<void>;
  /** What was begun last; never rejects. */
  #last: Promise<void> = Promise.resolve();
  #underWay = 0;
  /** Not begun yet: whoever comes now shares it. */
  #next: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param sync makes everything written before its call stable */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Nothing is being flushed, so that nobody would share {@link alone}'s turn. */
  get idle(): boolean {
    return this.#underWay === 0;
  }

  /** Everything written before this call is stable when it resolves. */
  flush(): Promise<void> {
    this.#next ??= this.#queue(() => {
      this.#next = undefined;
      return this.#sync();
    });
    return this.#next;
  }

  /** A stable write that takes a flush's turn: none is under way meanwhile. */
  alone(write: () => Promise<void>): Promise<void> {
    return this.#queue(write);
  }

  /** A stable write past the page cache: nobody else's data depends on what it is told, only its failure is remembered. */
  async beside(write: () => Promise<void>): Promise<void> {
    this.#refuse();
    try {
      await write();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }

  #queue(operation: () => Promise<void>): Promise<void> {
    this.#underWay += 1;
    const done = this.#last.then(async () => {
      try {
        this.#refuse();
        await operation();
        this.#refuse();
      } catch (error) {
        this.#failure ??= { error };
        throw error;
      } finally {
        this.#underWay -= 1;
        this.#next = this.#next === done ? undefined : this.#next;
      }
    });
    this.#last = done.catch(() => {});
    return done;
  }

  #refuse(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
