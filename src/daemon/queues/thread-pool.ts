import { availableParallelism } from 'node:os';
import { type MappedDevice, planStack } from '../../dm/index.ts';
import type { QueueJob, QueueJobName, QueueRun, QueueThreads } from '../../export/queue-threads.ts';
import { queueThreadProgram } from '../../package-layout.ts';
import { ffiAvailable } from '../../sys/index.ts';
import { QueueThread } from './queue-thread.ts';

export interface QueueThreadPoolOptions {
  /** For devices that the main thread serves. The threads' program has its own. */
  readonly jobs: Readonly<Record<QueueJobName, QueueJob<never>>>;
  /** Where failures go that nobody waits for. */
  readonly log: (error: unknown) => void;
  /** Threads at most; as many as there are processors, but no more than 4, if not given. */
  readonly threads?: number;
  /** The threads' program, if it is not the package's. */
  readonly program?: string;
  /** What to do when a thread is gone; by default its error is thrown where nobody catches it. */
  readonly crash?: (error: unknown) => void;
}

const MOST_THREADS = 4;

/**
 * The queue threads of a daemon. They are started when they are first needed, serve any number of its devices, and
 * end with it.
 */
export class QueueThreadPool {
  readonly #options: QueueThreadPoolOptions;
  readonly #size: number;
  readonly #threads: (QueueThread | undefined)[] = [];
  #devices = 0;

  constructor(options: QueueThreadPoolOptions) {
    const { threads = Math.min(availableParallelism(), MOST_THREADS) } = options;
    this.#options = options;
    // Requests and keys go from thread to thread as addresses.
    this.#size = ffiAvailable() ? threads : 1;
  }

  /**
   * The threads for one device. One that cannot be copied is served by the main thread; should that come about
   * later, by another table, its threads pass the requests on.
   */
  threadsFor(device: MappedDevice): QueueThreads {
    const first = this.#devices++;
    const several = (): boolean => this.#size > 1 && planStack(device) !== undefined;
    const size = this.#size;
    return {
      get count() {
        return several() ? size : 1;
      },
      start: (index, job, parameters): Promise<QueueRun> => {
        if (size === 1 || (index === 0 && !several()))
          return this.#options.jobs[job](device, parameters as never);
        return this.#thread((first + index) % size).start(device, job, parameters);
      },
    };
  }

  /** For a process that goes on without them. What still runs there is cut off. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread?.terminate()));
  }

  #thread(index: number): QueueThread {
    const known = this.#threads[index];
    if (known) return known;
    const { program = queueThreadProgram(), log, crash = throwLater } = this.#options;
    const thread = new QueueThread({ program, name: `queues ${index}`, log, crash });
    this.#threads[index] = thread;
    return thread;
  }
}

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
