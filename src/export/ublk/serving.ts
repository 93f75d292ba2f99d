import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError } from '../../errors.ts';
import type { QueueCounters, QueueRun, QueueThreads } from '../queue-threads.ts';
import type { DeviceInfo } from './abi.ts';
import { charNode } from './control.ts';
import type { UblkQueueParameters } from './queue.ts';

/** How often and how long (milliseconds) the node of a new device is waited for, which udev may have to hand over. */
const NODE_ATTEMPTS = 100;
const NODE_INTERVAL = 20;

/** Until the node is made, and until it is its owner's. */
const MAY_COME: ReadonlySet<string> = new Set(['ENOENT', 'EACCES', 'EPERM']);

/** All queues of a device, being served by this process. */
export class Serving {
  /** Settles when the kernel has taken all queues back; rejects when one broke. */
  readonly ended: Promise<void>;
  readonly #charFd: number;
  readonly #runs: readonly QueueRun[];

  /**
   * Begins to serve; the kernel shows the disk when all queues are.
   *
   * @param charFd of {@link openCharNode}; closed at the end
   * @throws TscryptError what starting the queues throws; nothing is served then
   */
  static async start(
    charFd: number,
    { queues: count, depth, maxIo }: DeviceInfo,
    queues: QueueThreads,
    legacy: boolean,
  ): Promise<Serving> {
    const starting = Array.from({ length: count }, (_, queueId) => {
      const parameters: UblkQueueParameters = { charFd, queueId, depth, maxIo, legacy };
      // A device that is taken over may have more queues than there are threads now.
      return queues.start(queueId % queues.count, 'ublk', parameters);
    });
    const started = await Promise.allSettled(starting);
    const runs = started.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    const serving = new Serving(charFd, runs);
    const failed = started.find((result) => result.status === 'rejected');
    if (failed) {
      await serving.stop();
      throw failed.reason;
    }
    return serving;
  }

  private constructor(charFd: number, runs: readonly QueueRun[]) {
    this.#charFd = charFd;
    this.#runs = runs;
    this.ended = this.#end();
    this.ended.catch(() => {});
  }

  /** Answers what is under way, and leaves the rest to the kernel. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#runs.map((run) => run.stop()));
    await this.ended.catch(() => {});
  }

  async counters(): Promise<QueueCounters> {
    const all = await Promise.all(this.#runs.map((run) => run.counters()));
    const sum = (of: (counters: QueueCounters) => number): number =>
      all.reduce((total, counters) => total + of(counters), 0);
    return {
      reads: sum(({ reads }) => reads),
      readBytes: sum(({ readBytes }) => readBytes),
      writes: sum(({ writes }) => writes),
      writtenBytes: sum(({ writtenBytes }) => writtenBytes),
      flushes: sum(({ flushes }) => flushes),
      others: sum(({ others }) => others),
      errors: sum(({ errors }) => errors),
    };
  }

  async #end(): Promise<void> {
    try {
      const ending = this.#runs.map((run) => run.ended);
      // The disk is of no use without one of its queues: then the others are given back as well, so that
      // everything waits for somebody to take it over.
      await Promise.all(ending).catch(async (error: unknown) => {
        for (const run of this.#runs) void run.stop().catch(() => {});
        await Promise.allSettled(ending);
        throw error;
      });
    } finally {
      // The kernel counts whoever has it open among those that are still there.
      closeSync(this.#charFd);
    }
  }
}

/**
 * Opens what the queues of a device are served through, as soon as it is there and ours.
 *
 * @throws TscryptError PERMISSION_DENIED where nobody gives the node to the device's owner, NO_SUCH_DEVICE
 */
export async function openCharNode(id: number): Promise<number> {
  const path = charNode(id);
  for (let attempt = 1; ; attempt++) {
    try {
      return openSync(path, 'r+');
    } catch (error) {
      if (attempt === NODE_ATTEMPTS || !MAY_COME.has((error as NodeJS.ErrnoException).code ?? '')) {
        throw fromSystemError(error, `Cannot open ${path}`, { device: path });
      }
      await sleep(NODE_INTERVAL);
    }
  }
}
