import { serveNbdConnection } from '../../export/nbd/socket/job.ts';
import type { QueueJob, QueueJobName } from '../../export/queue-threads.ts';
import { ublkQueue } from '../../export/ublk/queue.ts';

/** What serves queues and connections, by name; the same in the main thread and in queue threads. */
export const queueJobs: Readonly<Record<QueueJobName, QueueJob<never>>> = {
  ublk: ublkQueue,
  nbd: serveNbdConnection,
};
