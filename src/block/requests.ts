/** Counts a device's requests under way, so that closing can wait for them. */
export class Requests {
  #pending = 0;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** A request is under way until {@link end}. */
  begin(): void {
    this.#pending += 1;
  }

  readonly end = (): void => {
    this.#pending -= 1;
    if (this.#pending === 0) this.#drained?.();
  };

  track(done: Promise<void>): Promise<void> {
    this.begin();
    done.then(this.end, this.end);
    return done;
  }

  /** Refuses further requests and waits for those under way; true for the first caller, who releases. */
  async close(): Promise<boolean> {
    const first = this.#closing === undefined;
    this.#closing ??= new Promise((resolve) => {
      this.#drained = resolve;
      if (this.#pending === 0) resolve();
    });
    await this.#closing;
    return first;
  }
}
