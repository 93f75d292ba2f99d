import { statSync } from 'node:fs';
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
  /**
   * Threads for every device that can be copied. If not given, as many as there are processors, but no more than 4, and
   * for those devices only whose requests take much of the processor's time: others lose more by taking turns
   * than they gain.
   */
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
  readonly #sparing: boolean;
  readonly #program: ThreadProgram;
  readonly #threads: (QueueThread | undefined)[] = [];
  #devices = 0;

  constructor(options: QueueThreadPoolOptions) {
    const { threads = Math.min(availableParallelism(), MOST_THREADS), program = queueThreadProgram() } =
      options;
    this.#options = options;
    this.#sparing = options.threads === undefined;
    // Requests and keys go from thread to thread as addresses.
    this.#size = ffiAvailable() ? threads : 1;
    this.#program = new ThreadProgram(program);
  }

  /**
   * The threads for one device. One that cannot be copied is served by the main thread; should that come about
   * later, by another table, its threads pass the requests on.
   */
  threadsFor(device: MappedDevice): QueueThreads {
    const first = this.#devices++;
    const count = (): number => {
      const plan = this.#usable ? planStack(device) : undefined;
      return plan && (plan.laborious || !this.#sparing) ? this.#size : 1;
    };
    return {
      get count() {
        return count();
      },
      start: async (index, job, parameters): Promise<QueueRun> => {
        // Whatever was counted on before: the main thread can serve any queue of any device.
        const thread = index === 0 && count() === 1 ? undefined : this.#thread((first + index) % this.#size);
        if (thread) return await thread.start(device, job, parameters);
        return await this.#options.jobs[job](device, parameters as never);
      },
    };
  }

  /** For a process that goes on without them. What still runs there is cut off. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread?.terminate()));
  }

  /** All threads are there, or can be started. */
  get #usable(): boolean {
    if (this.#size === 1) return false;
    for (let index = 0; index < this.#size; index++)
      if (!this.#threads[index]) return this.#program.unchanged;
    return true;
  }

  #thread(index: number): QueueThread | undefined {
    const known = this.#threads[index];
    if (known || this.#size === 1 || !this.#program.unchanged) return known;
    const { log, crash = throwLater } = this.#options;
    const thread = new QueueThread({ program: this.#program.path, name: `queues ${index}`, log, crash });
    this.#threads[index] = thread;
    return thread;
  }
}

/**
 * The threads' program as it was when the daemon started. Threads come later, when the package may have been upgraded,
 * and must speak this version's language.
 */
class ThreadProgram {
  readonly path: string;
  readonly #identity: string;

  constructor(path: string) {
    this.path = path;
    this.#identity = identityOf(path);
  }

  get unchanged(): boolean {
    return identityOf(this.path) === this.#identity;
  }
}

function identityOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats ? `${stats.dev}:${stats.ino} ${stats.mtimeMs} ${stats.size}` : '';
}

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
