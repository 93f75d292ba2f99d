import type { QueueCounters, QueueRun } from '../../export/queue-threads.ts';

interface RemoteRunCalls {
  stop(): Promise<unknown>;
  /** undefined when it has ended there. */
  counters(): Promise<QueueCounters | undefined>;
  ended(): void;
}

/** A run in another thread, as the main thread sees it. */
export class RemoteRun implements QueueRun {
  readonly ended: Promise<void>;
  readonly #calls: RemoteRunCalls;
  /** What it had served in the end. */
  #last: QueueCounters | undefined;
  #settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  constructor(calls: RemoteRunCalls) {
    this.#calls = calls;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  async stop(): Promise<void> {
    if (!this.#last) await this.#calls.stop();
  }

  async counters(): Promise<QueueCounters> {
    return this.#last ?? (await this.#calls.counters()) ?? this.#last ?? NOTHING;
  }

  /**
   * @param counters if they are known
   * @param error what it broke with
   */
  end(counters: QueueCounters | undefined, error: Error | undefined): void {
    this.#last = counters ?? NOTHING;
    this.#calls.ended();
    if (error) this.#settle?.reject(error);
    else this.#settle?.resolve();
  }
}

const NOTHING: QueueCounters = {
  reads: 0,
  readBytes: 0,
  writes: 0,
  writtenBytes: 0,
  flushes: 0,
  others: 0,
  errors: 0,
};
