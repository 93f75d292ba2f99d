import { TscryptError } from '../../errors.ts';
import type { QueueJob, QueueJobName } from '../../export/queue-threads.ts';

/** What serves queues and connections, by name; the same in the main thread and in queue threads. */
export const queueJobs: Readonly<Record<QueueJobName, QueueJob<never>>> = {
  ublk: absent('ublk'),
  nbd: absent('nbd'),
};

function absent(name: QueueJobName): QueueJob<never> {
  return async () => {
    throw new TscryptError('NOT_SUPPORTED', `This build serves no ${name} queues.`);
  };
}
