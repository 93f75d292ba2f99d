import type { BlockDevice, Extent, Limits, WriteOptions, WriteZeroesOptions } from '../block/device.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { TableArg, TableLine } from '../table/spec.ts';

/**
 * The contract of a device-mapper target. A target type turns the arguments of a table line into a
 * target; the core (mapped-device) splits requests at target boundaries and at `maxIoLength`, so a target
 * only ever sees requests inside its own range.
 */
export interface TargetType {
  /** As in the table: `linear`, `crypt`. */
  readonly name: string;
  /** The kernel's target version whose behaviour this is. */
  readonly version: readonly [number, number, number];
  /**
   * Checks the arguments, opens the devices they name, and makes the target.
   *
   * @throws TscryptError INVALID_ARGUMENT with the kernel's own text (`Invalid argument count`)
   */
  construct(line: TableLine, context: TargetContext): Promise<Target>;
}

export interface TargetContext {
  /** The whole mapped device is read-only. */
  readonly readOnly: boolean;
  /** Opens a device named in a table (path, `major:minor`, URI, another mapped device). The target closes it. */
  openDevice(name: string): Promise<BlockDevice>;
}

export interface Target {
  /** Limits stacked from below; `logicalBlockSize` and so on of this part of the device. */
  readonly limits: Limits;
  readonly features: TargetFeatures;
  /** Requests are split at multiples of this many bytes, relative to the target's start; 0 = never. */
  readonly maxIoLength: number;
  /** Devices below, for `deps` and flush fan-out. */
  readonly devices: readonly BlockDevice[];

  /** Offsets are bytes relative to the target's start. */
  read(offset: number, into: Uint8Array): MaybePromise<void>;
  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void>;
  flush(): MaybePromise<void>;
  discard(offset: number, length: number): MaybePromise<void>;
  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void>;
  extents?(offset: number, length: number): MaybePromise<Extent[]>;

  /** Runtime state: what `dmsetup status` prints behind the target's name ('' if nothing). */
  statusInfo(): string;
  /** Arguments that recreate the target, options in the kernel's fixed order; keys stay secrets. */
  statusTable(): readonly TableArg[];
  /** `dmsetup message`. Absent: the target takes none. */
  message?(words: readonly string[]): MaybePromise<string>;

  presuspend?(): MaybePromise<void>;
  postsuspend?(): MaybePromise<void>;
  preresume?(): MaybePromise<void>;
  resume?(): MaybePromise<void>;
  /** Closes the devices below and wipes keys. */
  destroy(): Promise<void>;
}

export interface TargetFeatures {
  readonly discard: boolean;
  readonly fastZeroes: boolean;
  readonly multiConnection: boolean;
}
