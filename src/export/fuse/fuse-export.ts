import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError, TscryptError } from '../../errors.ts';
import { deviceUsers, MNT_DETACH, unmount } from '../../sys/index.ts';
import type { KernelExport, KernelExportState } from '../kernel-export.ts';
import { claimNode, isNodeUsed, type Node } from '../node-claim.ts';
import type { QueueCounters } from '../queue-threads.ts';
import type { DeviceFile } from './device-file.ts';
import type { LoopDevice } from './loop-device.ts';
import type { MountPoint } from './mount-point.ts';
import type { FuseSession } from './session.ts';

export interface FuseExportParts {
  /** The file's path when it was mounted. */
  readonly path: string;
  readonly identifier: string;
  readonly readOnly: boolean;
  readonly file: DeviceFile;
  readonly session: FuseSession;
  readonly mountPoint: MountPoint;
  readonly loop: LoopDevice | undefined;
  readonly log: (error: unknown) => void;
}

/** How long users of a device that is taken away from them may take to let go of it (milliseconds). */
const PATIENCE = 2000;
/** The kernel tells a moment later that a file was closed (milliseconds). */
const GRACE = 100;
const INTERVAL = 10;

/** A mounted file, perhaps with a loop device on it. */
export class FuseExport implements KernelExport {
  readonly kind = 'fuse';
  readonly queues = 1;
  readonly ended: Promise<void>;
  readonly #parts: FuseExportParts;
  #detaching = false;
  #settle!: { resolve: () => void; reject: (error: unknown) => void };

  constructor(parts: FuseExportParts) {
    this.#parts = parts;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ended.catch(() => {});
    parts.session.ended.then(
      () => this.#gone(),
      (error) => this.#settle.reject(fromSystemError(error, `${parts.path} broke`)),
    );
  }

  get node(): string {
    return this.#parts.loop?.path ?? this.#parts.path;
  }

  get numbers(): { major: number; minor: number } | undefined {
    return this.#parts.loop?.numbers;
  }

  get state(): KernelExportState {
    const { loop, identifier } = this.#parts;
    return {
      kind: this.kind,
      node: this.node,
      identifier,
      ...(loop && { loop: loop.index, sequence: loop.sequence }),
    };
  }

  async counters(): Promise<QueueCounters> {
    return this.#parts.file.counters;
  }

  async resize(size: number): Promise<void> {
    const { file, loop } = this.#parts;
    file.resize(size);
    try {
      await loop?.updateSize();
    } catch (error) {
      throw fromSystemError(error, `Cannot resize ${this.node}`, { device: this.node, size });
    }
  }

  async inUse(): Promise<boolean> {
    const { loop, file, session } = this.#parts;
    if (session.closed) return false;
    // The loop device itself is one who has the file open.
    return file.openCount > (loop ? 1 : 0) || (loop !== undefined && (await isNodeUsed(this.#nodeOf(loop))));
  }

  async detach({ force = false }: { readonly force?: boolean } = {}): Promise<void> {
    const { session, loop, file, mountPoint } = this.#parts;
    if (session.closed) return await this.ended;
    this.#detaching = true;
    try {
      if (force) await this.#takeAway();
      else if (loop && (await loop.isAttached())) await this.#detachLoop(loop);
      if (!force) {
        await this.#released(GRACE);
        if (file.openCount > 0) throw this.#busy();
        await file.settle();
      }
      await mountPoint.unmount(force);
    } catch (error) {
      this.#detaching = false;
      throw error;
    }
    // Closing ends the connection, also for a working directory that still lies in there.
    await session.close();
    await this.ended;
  }

  /** Called when somebody has closed the file: a loop device that was detached by others ends the export. */
  async closed(openCount: number): Promise<void> {
    const { loop, session, mountPoint, log } = this.#parts;
    if (!loop || openCount > 0 || this.#detaching || session.closed) return;
    if (await loop.isAttached()) return;
    this.#detaching = true;
    await mountPoint.unmount(true).catch(log);
    await session.close();
  }

  async #detachLoop(loop: LoopDevice): Promise<void> {
    const { file } = this.#parts;
    if (file.openCount > 1) throw this.#busy();
    const handle = await claimNode(this.#nodeOf(loop));
    try {
      await handle.sync();
      await loop.clear(handle);
    } catch (error) {
      throw fromSystemError(error, `Cannot detach ${loop.path}`, { device: loop.path });
    } finally {
      await handle.close();
    }
    // Whoever has opened the device since it was claimed (device managers look into new ones) keeps it there.
    while (await loop.isAttached()) await sleep(INTERVAL);
    // The kernel lets go of the file a moment later.
    await this.#released(PATIENCE);
  }

  /** Whoever uses the device loses it: file systems first, as long as they can still be written back. */
  async #takeAway(): Promise<void> {
    const { loop, log } = this.#parts;
    if (!loop || !(await loop.isAttached())) return;
    await letGo(loop).catch(log);
    await this.#released(PATIENCE);
  }

  async #released(patience: number): Promise<void> {
    const { file } = this.#parts;
    for (let waited = 0; file.openCount > 0 && waited < patience; waited += INTERVAL) await sleep(INTERVAL);
  }

  #gone(): void {
    const { mountPoint, log, loop } = this.#parts;
    // Also where somebody else has unmounted it: the directory is ours.
    const cleaned = this.#detaching ? Promise.resolve() : mountPoint.unmount(true).catch(log);
    cleaned
      .then(async () => {
        if (!this.#detaching && loop && (await loop.isAttached())) await letGo(loop).catch(log);
      })
      .then(this.#settle.resolve, this.#settle.reject);
  }

  #nodeOf(loop: LoopDevice): Node {
    return { path: loop.path, numbers: loop.numbers, readOnly: this.#parts.readOnly };
  }

  #busy(): TscryptError {
    const { path } = this.#parts;
    return new TscryptError('DEVICE_BUSY', `${path} is in use.`, { details: { device: path } });
  }
}

/** Unmounts what is mounted from a loop device, out of sight of whoever uses it, and detaches the device. */
export async function letGo(loop: LoopDevice): Promise<void> {
  for (const user of await deviceUsers(loop.numbers)) {
    if (user.kind === 'mount') await unmount(user.path, MNT_DETACH);
  }
  await loop.clearLater();
}
