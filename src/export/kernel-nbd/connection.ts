import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TscryptError } from '../../errors.ts';
import { addressOf, libc, socketPair } from '../../sys/index.ts';
import type { NbdConnectionParameters } from '../nbd/socket/job.ts';
import { serveNbdConnectionInThreads } from '../nbd/socket/threads.ts';
import type { QueueCounters, QueueRun, QueueThreads } from '../queue-threads.ts';

const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
/** Of each end: a large request or reply goes through in one piece. */
const SOCKET_BUFFER = 1024 * 1024;
const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;

/** How long a dead server's connection may take to be noticed by the kernel (milliseconds). */
const PATIENCE = 10_000;
const INTERVAL = 20;

/** One connection between the kernel's client and the threads that serve it. */
export class ServedConnection {
  readonly #run: QueueRun;
  /** Settles when the kernel has closed it, or {@link stop}; nothing is under way then. */
  readonly ended: Promise<void>;

  private constructor(fd: number, run: QueueRun) {
    this.#run = run;
    this.ended = run.ended.finally(() => closeSync(fd));
    this.ended.catch(() => {});
  }

  /**
   * @param hand gives the kernel its end; when it has, the connection must not be dropped any more
   */
  static async start(
    queues: QueueThreads,
    readOnly: boolean,
    hand: (socket: number) => Promise<void>,
  ): Promise<ServedConnection> {
    for (let waited = 0; ; waited += INTERVAL) {
      const fd = await handed(hand);
      if (fd !== undefined) return await ServedConnection.#serve(fd, queues, readOnly);
      if (waited >= PATIENCE) {
        throw new TscryptError('DEVICE_BUSY', 'The device still has a server, and takes no other.');
      }
      await sleep(INTERVAL);
    }
  }

  static async #serve(fd: number, queues: QueueThreads, readOnly: boolean): Promise<ServedConnection> {
    const parameters: NbdConnectionParameters = {
      fd,
      readOnly,
      structuredReplies: false,
      allocationContext: false,
    };
    try {
      return new ServedConnection(fd, await serveNbdConnectionInThreads(queues, parameters));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Finishes what is under way, and closes. What the kernel sends meanwhile is lost to this server. */
  async stop(): Promise<void> {
    await this.#run.stop();
    await this.ended.catch(() => {});
  }

  counters(): Promise<QueueCounters> {
    return this.#run.counters();
  }
}

/** @returns our end; undefined when the kernel has no use for its own */
async function handed(hand: (socket: number) => Promise<void>): Promise<number | undefined> {
  const [ours, theirs] = socketPair();
  try {
    enlarge(ours);
    enlarge(theirs);
    await hand(theirs);
  } catch (error) {
    closeSync(theirs);
    closeSync(ours);
    throw error;
  }
  closeSync(theirs);
  if (!isClosed(ours)) return ours;
  closeSync(ours);
  return undefined;
}

/** Whether the other end is gone: looked at, not taken. */
function isClosed(fd: number): boolean {
  const byte = Buffer.allocUnsafeSlow(128);
  return libc()?.recv(fd, addressOf(byte), 1, MSG_PEEK | MSG_DONTWAIT) === 0;
}

function enlarge(fd: number): void {
  const size = Buffer.allocUnsafeSlow(128);
  size.writeUInt32LE(SOCKET_BUFFER);
  libc()?.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, 4);
}
