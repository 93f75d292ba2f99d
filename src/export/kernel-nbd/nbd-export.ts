import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError, TscryptError } from '../../errors.ts';
import { deviceUsers, MNT_DETACH, unmount } from '../../sys/index.ts';
import { DiskClaim } from '../disk-claim.ts';
import type { KernelExport, KernelExportState } from '../kernel-export.ts';
import { sumCounters } from '../nbd/socket/counters.ts';
import { isNodeUsed, type Node } from '../node-claim.ts';
import type { QueueCounters, QueueThreads } from '../queue-threads.ts';
import type { ServedConnection } from './connection.ts';
import { disconnect, isConnected, reconfigure } from './control.ts';

export interface NbdExportParts {
  readonly index: number;
  readonly node: Node;
  readonly identifier: string;
  readonly queues: QueueThreads;
  readonly connection: ServedConnection;
  /** Makes another connection in the place of the one that ended. */
  readonly reconnect: () => Promise<ServedConnection>;
  readonly log: (error: unknown) => void;
}

/** Milliseconds. */
const POLL_INTERVAL = 10;

const NOTHING: QueueCounters = {
  reads: 0,
  readBytes: 0,
  writes: 0,
  writtenBytes: 0,
  flushes: 0,
  others: 0,
  errors: 0,
};

/** A device of the kernel's NBD client, served through a socket that nobody else can connect to. */
export class NbdDeviceExport implements KernelExport {
  readonly kind = 'nbd';
  readonly queues = 1;
  readonly ended: Promise<void>;
  readonly #parts: NbdExportParts;
  #connection: ServedConnection;
  /** Of connections that have ended. */
  #before: QueueCounters = NOTHING;
  #detaching = false;
  #left = false;
  #settle!: { resolve: () => void; reject: (error: unknown) => void };

  constructor(parts: NbdExportParts) {
    this.#parts = parts;
    this.#connection = parts.connection;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ended.catch(() => {});
    this.#watch(parts.connection);
  }

  get node(): string {
    return this.#parts.node.path;
  }

  get numbers(): { readonly major: number; readonly minor: number } {
    return this.#parts.node.numbers;
  }

  get state(): KernelExportState {
    const { index, identifier } = this.#parts;
    return { kind: this.kind, node: this.node, index, identifier };
  }

  async counters(): Promise<QueueCounters> {
    return sumCounters([this.#before, await this.#connection.counters()]);
  }

  async resize(size: number): Promise<void> {
    const { index, identifier } = this.#parts;
    try {
      await reconfigure(index, identifier, { size });
    } catch (error) {
      throw fromSystemError(error, `Cannot resize ${this.node}`, { device: this.node, size });
    }
  }

  async inUse(): Promise<boolean> {
    return await isNodeUsed(this.#parts.node);
  }

  async detach({ force = false }: { readonly force?: boolean } = {}): Promise<void> {
    const { index, identifier, node, log } = this.#parts;
    if (this.#left || !(await isConnected(index, identifier))) {
      await this.#connection.stop();
      return;
    }
    this.#detaching = true;
    try {
      if (force) {
        await unmountAll(node).catch(log);
        await disconnect(index);
      } else {
        const claim = await DiskClaim.take(node, true);
        try {
          await disconnect(index);
        } finally {
          await claim.release();
        }
      }
    } catch (error) {
      this.#detaching = false;
      throw fromSystemError(error, `Cannot detach ${node.path}`, { device: node.path });
    }
    await this.#connection.stop();
    // With force others may hold it for as long as they like; it is no longer ours.
    while (!force && (await isConnected(index, identifier))) await sleep(POLL_INTERVAL);
    this.#settle.resolve();
  }

  async leave(): Promise<void> {
    this.#left = true;
    await this.#connection.stop();
    this.#settle.resolve();
  }

  /**
   * A connection ends when somebody disconnects the device. Should it end for another reason, the device waits for a
   * new one, and requests that were not answered are sent again.
   */
  #watch(connection: ServedConnection): void {
    connection.ended.then(
      () => {
        if (!this.#detaching && !this.#left) this.#reconnect(connection).catch(this.#settle.reject);
      },
      (error) => this.#settle.reject(fromSystemError(error, `Serving ${this.node} failed`)),
    );
  }

  async #reconnect(before: ServedConnection): Promise<void> {
    const counted = await before.counters();
    try {
      this.#connection = await this.#parts.reconnect();
    } catch (error) {
      // The kernel's words for a device that is not connected.
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
      this.#settle.resolve();
      return;
    }
    this.#before = sumCounters([this.#before, counted]);
    this.#watch(this.#connection);
  }
}

/** Unmounts what is mounted from a device, out of sight of whoever uses it. */
export async function unmountAll(node: Node): Promise<void> {
  for (const user of await deviceUsers(node.numbers)) {
    if (user.kind === 'mount') await unmount(user.path, MNT_DETACH);
  }
}

export function lost(node: string): TscryptError {
  return new TscryptError('NO_SUCH_DEVICE', `${node} is no longer connected, or belongs to another server.`, {
    details: { device: node },
  });
}
