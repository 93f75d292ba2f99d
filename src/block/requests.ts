/** Counts a device's requests under way, so that closing can wait for them. */
export class Requests {
  #pending = 0;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #settle = (): void => {
    this.#pending -= 1;
    if (this.#pending === 0) this.#drained?.();
  };

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  track(done: Promise<void>): Promise<void> {
    this.#pending += 1;
    done.then(this.#settle, this.#settle);
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
