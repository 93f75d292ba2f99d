import type { BlockDevice } from '../block/device.ts';

/**
 * Where the requests of an export are served. A device whose stack keeps no state between requests may be served by
 * several threads, each with a copy of the stack; any other by one. Exporters do not know which: they start jobs.
 */
export interface QueueThreads {
  /** How many threads may serve the device at a time; at least 1. */
  readonly count: number;
  /**
   * Starts a job in thread `index`; resolves when it is ready to serve.
   *
   * @param parameters plain data, which reaches the other thread as a structured clone (file descriptors are
   *   numbers, valid in all threads; shared memory is shared)
   */
  start(index: number, job: QueueJobName, parameters: unknown): Promise<QueueRun>;
}

/** The jobs there are; the registry (daemon/queues/jobs.ts) has a {@link QueueJob} for each. */
export type QueueJobName = 'ublk' | 'nbd';

/** What serves the requests of one queue or connection, in whatever thread it is run. */
export type QueueJob<Parameters> = (device: BlockDevice, parameters: Parameters) => Promise<QueueRun>;

export interface QueueRun {
  /** Settles when the job has nothing more to serve (disconnected, stopped); rejects when it broke. */
  readonly ended: Promise<void>;
  /** Finishes the requests under way and ends. */
  stop(): Promise<void>;
  counters(): Promise<QueueCounters>;
}

/** What a queue has served since it began. */
export interface QueueCounters {
  readonly reads: number;
  readonly readBytes: number;
  readonly writes: number;
  readonly writtenBytes: number;
  readonly flushes: number;
  /** Discards and zeroes written. */
  readonly others: number;
  readonly errors: number;
}

/** Serves everything in this thread, with the device itself. */
export function serveHere(
  device: BlockDevice,
  jobs: Readonly<Record<QueueJobName, QueueJob<never>>>,
): QueueThreads {
  return {
    count: 1,
    start: (_index, job, parameters) => jobs[job](device, parameters as never),
  };
}
