import type { BlockDevice, Extent, Limits, WriteOptions, WriteZeroesOptions } from '../block/device.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { TableArg, TableLine } from '../table/spec.ts';

/**
 * The contract of a device-mapper target. A target type turns the arguments of a table line into a
 * target; the core (mapped-device) splits requests at target boundaries and reads and writes also at
 * `maxIoLength`, so a target only ever sees requests inside its own range, aligned to its logical block
 * size.
 */
export interface TargetType {
  /** As in the table: `linear`, `crypt`. */
  readonly name: string;
  /** The kernel's target version whose behaviour this is. */
  readonly version: readonly [number, number, number];
  /** Must be alone in its table (DM_TARGET_SINGLETON). */
  readonly singleton?: boolean;
  /** A live table of this type is replaced by one of the same type only (DM_TARGET_IMMUTABLE). */
  readonly immutable?: boolean;
  /** May stand in the place of any type (DM_TARGET_WILDCARD). */
  readonly wildcard?: boolean;
  /**
   * What a request does depends on nothing but the line, and changes nothing in the target: copies made of
   * `statusTable()` may serve in several threads at once. A copy may be dropped at any moment when no request is under
   * way in it, and is never flushed. `until-failure`: a failure is noted (counted, raised as an event), so a request
   * that failed in a copy is made again through the target itself. Absent: there can be only one.
   */
  readonly stateless?: 'always' | 'until-failure';
  /** Requests take the processor's time rather than the disk's: several threads pay off. */
  readonly laborious?: boolean;
  /**
   * Checks the arguments, opens the devices they name, and makes the target. Secrets among the arguments
   * stay the caller's; the target copies what it needs.
   *
   * @throws TscryptError INVALID_ARGUMENT with the kernel's own text (`Invalid argument count`); the
   *   core puts the target's name before it
   */
  construct(line: TableLine, context: TargetContext): Promise<Target>;
}

export interface TargetContext {
  /** The table is read-only: devices are opened for reading, writes never arrive. */
  readonly readOnly: boolean;
  /**
   * Opens a device named in a table (path, `major:minor`, URI, another mapped device). The same name
   * gives the same device throughout the mapped device, live table and inactive one; the core
   * closes it when the last table that uses it is gone, the target does not.
   */
  openDevice(name: string): Promise<BlockDevice>;
  /**
   * A new opening of a device whose old one has broken (a connection that was lost). Everybody in the
   * mapped device who opens `name` from now on gets the new one; the old one is closed.
   *
   * @throws TscryptError what opening says; the old opening is gone all the same
   */
  reopenDevice(name: string): Promise<BlockDevice>;
  /**
   * How tables and statuses print a device that was opened as `name`: text that can be fed back in, whatever
   * directory it is read in. The kernel prints `major:minor` there.
   */
  deviceLabel(name: string): string;
  /** Raises the mapped device's event number (`dm_table_event`), which wakes `dmsetup wait`. */
  raiseEvent(): void;
}

export interface SuspendOptions {
  /** What was written is to be made stable, as far as that is possible. False: `dmsetup suspend --noflush`. */
  readonly flush: boolean;
}

/**
 * What a target fails a request with that it gives back to the core (`DM_MAPIO_REQUEUE`): during a suspension
 * without flush the core keeps the request and makes it again after the resume, through the table that
 * is live then. At any other time it fails with EIO.
 */
export class Requeue extends Error {
  constructor() {
    super('given back to the core');
  }
}

/** A range of a device that a target uses. */
export interface DeviceArea {
  readonly device: BlockDevice;
  /** Bytes. */
  readonly start: number;
  readonly length: number;
}

export interface Target {
  /**
   * Limits stacked from below; `logicalBlockSize` and so on of this part of the device. Asked for when
   * the table is loaded and again when it becomes live; a device below may have changed meanwhile.
   */
  readonly limits: Limits;
  readonly features: TargetFeatures;
  /** Reads and writes are split at multiples of this many bytes, relative to the target's start; 0 = never. */
  readonly maxIoLength: number;
  /** What is used below: checked against the devices' size and alignment when a table is loaded. */
  readonly areas: readonly DeviceArea[];
  /**
   * Never has a device below, so its limits are its own. Other targets without devices have lost theirs: a table
   * of such leaves the mapped device the limits that it had.
   */
  readonly standsAlone?: boolean;
  /**
   * A flush is nothing but a flush of every device below; when all targets of a table say so, each
   * device is flushed once however many targets use it.
   */
  readonly flushBypassesMap?: boolean;
  /** Requests may end with {@link Requeue}: as a rejected promise, never thrown at once. */
  readonly mayRequeue?: boolean;

  /** Offsets are bytes relative to the target's start. */
  read(offset: number, into: Uint8Array): MaybePromise<void>;
  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void>;
  flush(): MaybePromise<void>;
  /** Only called when `features.discard` says so. */
  discard(offset: number, length: number): MaybePromise<void>;
  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void>;
  /** Absent: everything is allocated. May stop early, but describes at least one extent. */
  extents?(offset: number, length: number): MaybePromise<Extent[]>;

  /** Runtime state: what `dmsetup status` prints behind the target's name ('' if nothing). */
  statusInfo(): string;
  /**
   * Arguments that recreate the target, options in the kernel's fixed order. Keys stay secrets and the
   * target's own: valid while it lives, not to be disposed of by the caller.
   */
  statusTable(): readonly TableArg[];
  /** `dmsetup message`; words may carry keys as secrets. Absent: the target takes none. */
  message?(words: readonly TableArg[]): MaybePromise<string>;
  /**
   * Messages that bring a target made anew from {@link statusTable} to where earlier ones have brought this one, given
   * when it is active or suspended as this one is. Absent: the table says it all, or what it does not say may be lost.
   */
  stateMessages?(): readonly (readonly TableArg[])[];

  /**
   * Called in this order around a suspension; while suspended no request arrives. Between presuspend and
   * postsuspend the core waits for the requests under way: what a target holds back it must let go of.
   */
  presuspend?(how: SuspendOptions): MaybePromise<void>;
  /** The suspension did not come about after presuspend was called. */
  presuspendUndo?(): MaybePromise<void>;
  postsuspend?(): MaybePromise<void>;
  /** @throws TscryptError the device stays suspended */
  preresume?(): MaybePromise<void>;
  resume?(): MaybePromise<void>;
  /** Wipes keys and gives memory back. No request is under way and none will follow. */
  destroy(): Promise<void>;
}

export interface TargetFeatures {
  readonly discard: boolean;
  readonly fastZeroes: boolean;
  readonly multiConnection: boolean;
}
