import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { BlockDevice } from '../../../src/block/device.ts';
import type { AttachOptions, KernelExport, KernelExporter } from '../../../src/export/kernel-export.ts';
import { type QueueRun, type QueueThreads, serveHere } from '../../../src/export/queue-threads.ts';
import { ublkExporter } from '../../../src/export/ublk/index.ts';
import { ublkQueue } from '../../../src/export/ublk/queue.ts';

const jobs = {
  ublk: ublkQueue,
  nbd: () => Promise.reject(new Error('no such job in this test')),
};

export interface ExportOptions {
  readonly readOnly?: boolean;
  readonly queues?: QueueThreads;
  readonly identifier?: string;
  readonly exporter?: KernelExporter;
}

export function attachment(device: BlockDevice, options: ExportOptions = {}): AttachOptions {
  return {
    name: 'test',
    readOnly: options.readOnly ?? false,
    directory: '/run',
    queues: options.queues ?? serveHere(device, jobs),
    identifier: options.identifier ?? randomUUID(),
    log: (error) => console.error(error),
  };
}

export function exported(device: BlockDevice, options: ExportOptions = {}): Promise<KernelExport> {
  return (options.exporter ?? ublkExporter).attach(device, attachment(device, options));
}

/** Several jobs in this thread: what a device that can be served by several queues looks like to an exporter. */
export function queuesHere(device: BlockDevice, count: number): QueueThreads {
  return { ...serveHere(device, jobs), count };
}

/** Serves a file, by as many threads as there are queues, which each open it (queue-thread.ts). */
export function threadsFor(path: string, count: number): QueueThreads & { end(): Promise<void> } {
  const threads = Array.from(
    { length: count },
    () => new Worker(new URL('./queue-thread.js', import.meta.url), { workerData: { path } }),
  );
  const ask = (thread: Worker, request: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      thread.once('error', reject);
      thread.once('message', resolve);
      thread.postMessage(request);
    });
  return {
    count,
    async start(index, _job, parameters): Promise<QueueRun> {
      const thread = threads[index];
      if (!thread) throw new Error(`no thread ${index}`);
      await ask(thread, { start: parameters });
      const ended = new Promise<void>((resolve) => {
        thread.on('message', (message) => message === 'ended' && resolve());
      });
      return {
        ended,
        stop: async () => {
          thread.postMessage({ stop: true });
          await ended;
        },
        counters: async () =>
          (await ask(thread, { counters: true })) as Awaited<ReturnType<QueueRun['counters']>>,
      };
    },
    async end() {
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}
