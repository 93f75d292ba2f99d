import type { BlockDevice } from '../block/device.ts';
import type { QueueCounters, QueueThreads } from './queue-threads.ts';

/** The ways in which the kernel can show a device, best first (`--export`). */
export type KernelExportKind = 'ublk' | 'nbd' | 'fuse';

/** Shows devices through one facility of the kernel. The registry is export/kernel-exporters.ts. */
export interface KernelExporter {
  readonly kind: KernelExportKind;
  /** Whether this machine offers it to this process, found out without changing anything. */
  availability(): Promise<Availability>;
  /**
   * Makes a block device (or file) of the kernel that shows `device`.
   *
   * @throws TscryptError NOT_SUPPORTED, PERMISSION_DENIED and what the kernel said; nothing is left behind then
   */
  attach(device: BlockDevice, options: AttachOptions): Promise<KernelExport>;
  /**
   * Takes over what another process attached and left behind when it died: requests that it did not answer are
   * served again, users notice a pause. Absent: what dies is lost.
   *
   * @param state {@link KernelExport.state} of the process that died
   */
  recover?(device: BlockDevice, state: KernelExportState, options: AttachOptions): Promise<KernelExport>;
  /** Removes what a dead process left in the kernel, whoever still uses it; harmless if nothing is there. */
  remove(state: KernelExportState): Promise<void>;
}

export interface Availability {
  readonly usable: boolean;
  /** Why not: one sentence. */
  readonly reason?: string;
  /** What would help: one sentence, with the command to type where there is one. */
  readonly remedy?: string;
  /** What it can do here, for people: `recovery`, `multi-queue`, `unprivileged` … */
  readonly abilities?: readonly string[];
}

export interface AttachOptions {
  /** Of the mapped device. */
  readonly name: string;
  readonly readOnly: boolean;
  /** A directory of the device's own, where sockets, mount points and the like may be made. */
  readonly directory: string;
  readonly queues: QueueThreads;
  /** Marks the device for whoever reattaches after a crash: a random identifier that stays the same. */
  readonly identifier: string;
  /** Something went wrong that nobody waits for. */
  readonly log: (error: unknown) => void;
}

/** What another process needs to know to take an export over or remove it. Plain data, no secrets. */
export interface KernelExportState {
  readonly kind: KernelExportKind;
  /** As {@link KernelExport.node}. */
  readonly node: string;
  readonly [key: string]: unknown;
}

export interface KernelExport {
  readonly kind: KernelExportKind;
  /** `/dev/ublkb0`, `/dev/nbd3`, `/dev/loop2`; for FUSE without a loop device, the path of the file. */
  readonly node: string;
  /** Of the node, if it is a block device. */
  readonly numbers: { readonly major: number; readonly minor: number } | undefined;
  readonly state: KernelExportState;
  /** Queues or connections. */
  readonly queues: number;
  /** Settles when the kernel's side is gone: detached, or taken away by somebody else; rejects when it broke. */
  readonly ended: Promise<void>;
  counters(): Promise<QueueCounters>;
  /** The device below has another size now. Bytes. */
  resize(size: number): Promise<void>;
  /**
   * Whether somebody has the node open: a mounted file system, a device on top, a program. Never waits for requests
   * that this process has to serve.
   */
  inUse(): Promise<boolean>;
  /**
   * Writes the kernel's cached data back, then takes the device away.
   *
   * @throws TscryptError DEVICE_BUSY when it is in use, unless `force`, with which its users get errors
   */
  detach(options?: { readonly force?: boolean }): Promise<void>;
  /**
   * For a successor: stops answering, so that nothing is under way here any more; what comes meanwhile waits in the
   * kernel for {@link KernelExporter.recover}. Absent: it cannot be handed over.
   */
  leave?(): Promise<void>;
}
