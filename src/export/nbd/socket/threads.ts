import { closeEventDescriptors, makeEventDescriptors } from '../../../sys/event-descriptors.ts';
import { StreamSocket } from '../../../sys/stream-socket.ts';
import type { QueueRun, QueueThreads } from '../../queue-threads.ts';
import { sumCounters } from './counters.ts';
import type { NbdConnectionParameters } from './job.ts';
import { DEAD, DRAINING, MAX_THREADS, raiseState, sharedMemory } from './roles.ts';

/**
 * Serves the transmission phase of one connection in all threads of a device.
 *
 * @param parameters the descriptor stays the caller's, who closes it when `ended` has settled
 */
export async function serveNbdConnectionInThreads(
  queues: QueueThreads,
  parameters: Omit<NbdConnectionParameters, 'sharing'>,
): Promise<QueueRun> {
  const count = Math.min(queues.count, MAX_THREADS);
  if (count === 1) return queues.start(0, 'nbd', parameters);
  const { received = new Uint8Array(0), ...rest } = parameters;
  const wakeups = makeEventDescriptors(count);
  const sharing = { memory: sharedMemory(received), wakeups };
  const end = (): void => {
    raiseState(sharing, DEAD);
    StreamSocket.over(parameters.fd, () => {})?.abort();
  };
  const starting = Array.from({ length: count }, (_, index) => {
    const started = queues.start(index, 'nbd', { ...rest, sharing: { ...sharing, index } });
    // A thread that dies, or cannot begin, must not keep a role for ever.
    started.then((run) => run.ended).catch(end);
    return started;
  });
  const settled = await Promise.allSettled(starting);
  const runs = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const ended = Promise.allSettled(runs.map((run) => run.ended)).then((endings) => {
    closeEventDescriptors(wakeups);
    const failed = [...settled, ...endings].find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  });
  if (runs.length < count) {
    // The failure is that of the thread which did not start.
    await ended;
  }
  return {
    ended,
    stop: async () => {
      raiseState(sharing, DRAINING);
      await ended.catch(() => {});
    },
    counters: async () => sumCounters(await Promise.all(runs.map((run) => run.counters()))),
  };
}
