import { symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll } from 'vitest';
import type { NbdConnectionParameters } from '../../src/export/nbd/index.ts';
import type { QueueCounters, QueueRun, QueueThreads } from '../../src/export/queue-threads.ts';
import type { FromNbdThread, ThreadData, ToNbdThread } from './nbd-thread-program.ts';
import { ROOT } from './tools.ts';

interface Run {
  started(error?: string): void;
  ended(error?: string): void;
}

/** Threads that serve NBD connections on devices over the same memory or file, each with its own. */
export class NbdThreads implements QueueThreads {
  readonly count: number;
  readonly #workers: Worker[];
  readonly #runs = new Map<number, Run & { readonly worker: Worker }>();
  readonly #calls = new Map<number, (value: unknown) => void>();
  #number = 0;
  /** All runs there have been. */
  readonly runs: QueueRun[] = [];

  constructor(program: string, count: number, data: ThreadData) {
    this.count = count;
    this.#workers = Array.from({ length: count }, () => new Worker(program, { workerData: data }));
    for (const worker of this.#workers) {
      worker.on('message', (message: FromNbdThread) => this.#received(message));
      worker.on('error', (error) => this.#died(worker, error.message));
      worker.on('exit', () => this.#died(worker, 'the thread is gone'));
    }
  }

  async start(index: number, _job: string, parameters: unknown): Promise<QueueRun> {
    const worker = this.#workers[index] as Worker;
    const run = ++this.#number;
    let ended: Promise<void> = Promise.resolve();
    await new Promise<void>((resolve, reject) => {
      ended = new Promise((over, failed) => {
        this.#runs.set(run, {
          worker,
          started: (error) => (error === undefined ? resolve() : reject(new Error(error))),
          ended: (error) => {
            this.#runs.delete(run);
            reject(new Error(error));
            if (error === undefined) over();
            else failed(new Error(error));
          },
        });
      });
      ended.catch(() => {});
      this.#post(worker, { type: 'start', run, parameters: parameters as NbdConnectionParameters });
    });
    const made: QueueRun = {
      ended,
      stop: () => this.#call(worker, { type: 'stop', run }) as Promise<void>,
      counters: () => this.#call(worker, { type: 'counters', run }) as Promise<QueueCounters>,
    };
    this.runs.push(made);
    return made;
  }

  /** Says that a thread died. (One that did while the kernel has something to tell it takes the process along.) */
  kill(index: number): void {
    this.#died(this.#workers[index] as Worker, 'the thread is gone');
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #post(worker: Worker, message: ToNbdThread): void {
    worker.postMessage(message);
  }

  #call(worker: Worker, message: { type: 'stop' | 'counters'; run: number }): Promise<unknown> {
    const call = ++this.#number;
    return new Promise((resolve) => {
      this.#calls.set(call, resolve);
      this.#post(worker, { ...message, call });
    });
  }

  #received(message: FromNbdThread): void {
    if (message.type === 'answer') {
      this.#calls.get(message.call)?.(message.value);
      this.#calls.delete(message.call);
    } else this.#runs.get(message.run)?.[message.type](message.error);
  }

  #died(worker: Worker, reason: string): void {
    for (const run of [...this.#runs.values()]) if (run.worker === worker) run.ended(reason);
  }
}

/** Registers the making of the threads' program for a test file; where it is. */
export function nbdThreadProgram(): { readonly path: string } {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tscrypt-nbd-threads-'));
    await buildNbdThreadProgram(directory);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  return {
    get path() {
      return join(directory, 'thread.mjs');
    },
  };
}

async function buildNbdThreadProgram(directory: string): Promise<void> {
  // Foreign functions are found from where the program is.
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/suites/nbd-thread-program.ts'],
    outfile: join(directory, 'thread.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    external: ['koffi'],
  });
}
