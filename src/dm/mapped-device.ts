import {
  type BlockDevice,
  DEFAULT_LIMITS,
  type Extent,
  type Features,
  type Limits,
  type WriteOptions,
  type WriteZeroesOptions,
} from '../block/device.ts';
import { checkRead, checkWrite, closedError } from '../block/request-check.ts';
import { TscryptError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { TableArg, TableSpec } from '../table/spec.ts';
import { SECTOR_SIZE } from '../units.ts';
import type { Copies } from './copies.ts';
import { Events } from './events.ts';
import { collectExtents } from './extents.ts';
import { LoadedTable } from './loaded-table.ts';
import { checkName, checkUuid } from './names.ts';
import { OpenedDevice } from './opened-device.ts';
import { targetTypes } from './registry.ts';
import { noTable, Slots } from './slots.ts';
import { beginsStatistics, isStatisticsMessage, statisticsMessage } from './stats/messages.ts';
import { Statistics } from './stats/statistics.ts';
import type { TargetStatus } from './status.ts';
import { type DeviceLabeller, type DeviceOpener, TableDevices } from './table-devices.ts';
import { Requeue, type SuspendOptions, type TargetType } from './target.ts';

export interface MappedDeviceOptions {
  /** 1 … 127 bytes without `/`. */
  readonly name: string;
  /** At most 128 bytes. */
  readonly uuid?: string;
  /** Loaded and resumed at once. Without it the device has no table and no size. */
  readonly table?: TableSpec;
  readonly readOnly?: boolean;
  readonly openDevice: DeviceOpener;
  /** The number by which `DM_MAJOR:minor` names it; 0 if not given. */
  readonly minor?: number;
  /** Where its event number begins; 0 if not given. */
  readonly eventNumber?: number;
  /** How tables print a device that was opened by a name; as it was given, if absent. */
  readonly deviceLabel?: DeviceLabeller;
  /** Target types to choose from; those of this build if not given. */
  readonly targetTypes?: ReadonlyMap<string, TargetType>;
}

export interface TableLoadOptions {
  /** As the device was created, if not given. */
  readonly readOnly?: boolean;
  /**
   * The one name by which a device that the table names is opened and printed, whatever the working
   * directory of whoever wrote the table and whichever path leads there; as it is, if absent.
   */
  readonly canonicalName?: (name: string) => string;
}

/** What `dmsetup info` tells. */
export interface MappedDeviceInfo {
  readonly name: string;
  readonly uuid: string | undefined;
  readonly minor: number;
  readonly state: 'active' | 'suspended';
  readonly readOnly: boolean;
  /** It is removed when the last use of it ends. */
  readonly deferredRemove: boolean;
  /** Whether there is a live table, and an inactive one waiting for the next resume. */
  readonly tables: { readonly live: boolean; readonly inactive: boolean };
  readonly openCount: number;
  readonly eventNumber: number;
  /** Targets in the live table. */
  readonly targetCount: number;
  /** The devices below the live table (without one, the inactive one) as tables print them, each once. */
  readonly dependencies: readonly string[];
}

const NO_FEATURES: Features = { discard: false, fastZeroes: false, multiConnection: false };

/**
 * A device-mapper device: a live table that requests go through, an inactive one that may take its
 * place, and the states active and suspended (Documentation/admin-guide/device-mapper).
 *
 * Requests made while it is suspended wait and go through whatever table is live after the resume. A
 * request that one target finishes inline is finished inline here.
 */
export class MappedDevice implements BlockDevice {
  #name: string;
  #uuid: string | undefined;
  readonly #types: ReadonlyMap<string, TargetType>;
  readonly #devices: TableDevices;
  readonly #defaultReadOnly: boolean;
  readonly minor: number;
  readonly #slots = new Slots();
  readonly #events: Events;
  readonly #statistics = new Statistics();
  #closed = false;
  #openCount = 0;
  #removal: (() => void) | undefined;
  /** The last control operation, which the next one waits for. */
  #control: Promise<unknown> = Promise.resolve();

  private constructor(options: MappedDeviceOptions) {
    this.#name = checkName(options.name);
    this.#uuid = options.uuid === undefined ? undefined : checkUuid(options.uuid);
    this.minor = options.minor ?? 0;
    this.#types = options.targetTypes ?? targetTypes;
    this.#devices = new TableDevices(options.openDevice, options.deviceLabel);
    this.#defaultReadOnly = options.readOnly ?? false;
    this.#events = new Events(options.eventNumber);
  }

  /**
   * @throws TscryptError INVALID_ARGUMENT (bad name or table), NOT_SUPPORTED (unknown target type),
   *   DEVICE_TOO_SMALL, READ_ONLY, or what opening a device below says; nothing stays open then
   */
  static async create(options: MappedDeviceOptions): Promise<MappedDevice> {
    const device = new MappedDevice(options);
    if (!options.table) return device;
    try {
      await device.load(options.table);
      await device.resume();
      return device;
    } catch (error) {
      await device.close().catch(() => {});
      throw error;
    }
  }

  get name(): string {
    return this.#name;
  }

  get uuid(): string | undefined {
    return this.#uuid;
  }

  /** Bytes of the live table; changes when another one is resumed. */
  get size(): number {
    return this.#slots.live?.size ?? 0;
  }

  get readOnly(): boolean {
    return this.#slots.live?.readOnly ?? this.#defaultReadOnly;
  }

  get limits(): Limits {
    return this.#slots.live?.limits ?? DEFAULT_LIMITS;
  }

  get suspended(): boolean {
    return this.#slots.suspended || (this.#slots.live?.suspendedBelow ?? false);
  }

  get features(): Features {
    return this.#slots.live?.features ?? NO_FEATURES;
  }

  get info(): MappedDeviceInfo {
    return {
      name: this.#name,
      uuid: this.#uuid,
      minor: this.minor,
      state: this.#slots.suspended ? 'suspended' : 'active',
      readOnly: this.readOnly,
      deferredRemove: this.#removal !== undefined,
      tables: { live: this.#slots.live !== undefined, inactive: this.#slots.inactive !== undefined },
      openCount: this.#openCount,
      eventNumber: this.#events.number,
      targetCount: this.#slots.live?.targets.length ?? 0,
      dependencies: (this.#slots.live ?? this.#slots.inactive)?.dependencies ?? [],
    };
  }

  /** Who serves requests to this device with copies of its table. */
  get copies(): Copies {
    return this.#slots.gate.copies;
  }

  /** The live table, if copies of it may serve now. What lies below may still say otherwise. */
  get copyable(): LoadedTable | undefined {
    const live = this.#slots.live;
    const possible = live?.stateless && this.copies.allowed && !this.#statistics.active && !this.#closed;
    return possible ? live : undefined;
  }

  /** The devices below the live table. */
  get below(): readonly BlockDevice[] {
    return this.#slots.live?.openDevices ?? [];
  }

  /** One entry a target of the live table; empty when there is none. */
  status(): TargetStatus[] {
    return this.#slots.live?.status() ?? [];
  }

  /**
   * The live table (or the inactive one), as the targets say it. Keys in it belong to the targets: they
   * are valid until the table is replaced or the device closed, and must not be disposed of.
   */
  table(options: { readonly inactive?: boolean } = {}): TableSpec {
    return (options.inactive ? this.#slots.inactive : this.#slots.live)?.table() ?? [];
  }

  /** Whether that table was loaded for reading only. */
  loadedReadOnly(options: { readonly inactive?: boolean } = {}): boolean {
    return (options.inactive ? this.#slots.inactive : this.#slots.live)?.readOnly ?? this.#defaultReadOnly;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    const table = this.#slots.live;
    if (!table || this.#slots.gate.shut) return this.#later(() => this.read(offset, into));
    checkRead(this, offset, into.length);
    const done = this.#slots.gate.watch(table.read(offset, into));
    return table.mayRequeue ? this.#keep(done, () => this.read(offset, into)) : done;
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const table = this.#slots.live;
    if (!table || this.#slots.gate.shut) return this.#later(() => this.write(offset, from, options));
    checkWrite(this, offset, from.length);
    const done = this.#slots.gate.watch(table.write(offset, from, options));
    return table.mayRequeue ? this.#keep(done, () => this.write(offset, from, options)) : done;
  }

  flush(): MaybePromise<void> {
    const table = this.#slots.live;
    if (this.#slots.stable && !this.#closed) return;
    if (!table || this.#slots.gate.shut) return this.#later(() => this.flush());
    const done = this.#slots.gate.watch(table.flush());
    return table.mayRequeue ? this.#keep(done, () => this.flush()) : done;
  }

  discard(offset: number, length: number): MaybePromise<void> {
    const table = this.#slots.live;
    if (!table || this.#slots.gate.shut) return this.#later(() => this.discard(offset, length));
    checkWrite(this, offset, length);
    if (!table.features.discard) throw this.#notSupported('discard');
    const done = this.#slots.gate.watch(table.discard(offset, length));
    return table.mayRequeue ? this.#keep(done, () => this.discard(offset, length)) : done;
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    const table = this.#slots.live;
    if (!table || this.#slots.gate.shut) return this.#later(() => this.writeZeroes(offset, length, options));
    checkWrite(this, offset, length);
    if (options?.fast && !table.features.fastZeroes) throw this.#notSupported('write zeroes fast');
    const done = this.#slots.gate.watch(table.writeZeroes(offset, length, options));
    return table.mayRequeue ? this.#keep(done, () => this.writeZeroes(offset, length, options)) : done;
  }

  extents(offset: number, length: number): MaybePromise<Extent[]> {
    const table = this.#slots.live;
    if (!table || this.#slots.gate.shut) return this.#later(() => this.extents(offset, length));
    checkRead(this, offset, length);
    return this.#slots.gate.watch(collectExtents(table, offset, length));
  }

  /** A use of this device, counted in `openCount` until it is closed: by a table above, by an export. */
  open(): BlockDevice {
    if (this.#closed) throw closedError(this.#name);
    this.#openCount++;
    return new OpenedDevice(this, () => {
      if (--this.#openCount === 0) this.#removal?.();
    });
  }

  /**
   * Has `remove` called when the last use ends (`dmsetup remove --deferred`), which closes the device;
   * undefined takes that back.
   */
  deferRemoval(remove: (() => void) | undefined): void {
    this.#removal = remove;
  }

  /**
   * Constructs `table` into the inactive slot, in place of what was there; the next resume makes it live.
   * On failure the device is as it was before.
   */
  load(table: TableSpec, options: TableLoadOptions = {}): Promise<void> {
    return this.#exclusively(async () => {
      const { readOnly = this.#defaultReadOnly, canonicalName } = options;
      const loaded = await LoadedTable.load(table, {
        name: this.#name,
        readOnly,
        types: this.#types,
        devices: this.#devices.references(readOnly, canonicalName),
        statistics: this.#statistics,
        raiseEvent: () => this.#events.raise(),
        immutableType: this.#slots.immutableType,
      });
      await this.#slots.setInactive(loaded);
    });
  }

  /** Drops the inactive table. */
  clear(): Promise<void> {
    return this.#exclusively(() => this.#slots.setInactive(undefined));
  }

  /**
   * Holds new requests back, waits for those under way, and flushes unless told not to. Does nothing to a
   * device that is suspended already.
   *
   * @throws TscryptError what the flush says; the device is active then
   */
  suspend(options: Partial<SuspendOptions> = {}): Promise<void> {
    return this.#exclusively(() => this.#slots.suspend({ flush: options.flush ?? true }));
  }

  /**
   * Makes the inactive table live, if there is one, and lets requests through.
   *
   * @param options how an active device is suspended to exchange tables
   * @throws TscryptError what a target says that cannot go on; the device stays suspended, with the new
   *   table live
   */
  resume(options: Partial<SuspendOptions> = {}): Promise<void> {
    return this.#exclusively(() => this.#slots.resume({ flush: options.flush ?? true }));
  }

  /** While suspended: fails the requests that wait, and those to come, since no resume will. */
  refuseWaiting(): void {
    if (!this.#slots.suspended) return;
    const error = new TscryptError('IO_ERROR', `Device ${this.#name} is suspended for good.`, {
      details: { device: this.#name },
    });
    this.#slots.gate.refuse(error);
  }

  /**
   * Sends a message to the target that `sector` falls into.
   *
   * @returns what the target answers, '' for most
   * @throws TscryptError INVALID_ARGUMENT when no target is there or it does not know the message
   */
  message(sector: number, words: readonly TableArg[]): Promise<string> {
    if (isStatisticsMessage(words)) return this.#statisticsMessage(words);
    return this.#exclusively(async () => {
      const first = words[0];
      const offset = sector * SECTOR_SIZE;
      const table = this.#slots.live;
      const details = { device: this.#name, sector };
      if (first === undefined) {
        throw new TscryptError('INVALID_ARGUMENT', 'Empty message received.', { details });
      }
      if (typeof first === 'string' && first.toLowerCase() === '@cancel_deferred_remove') {
        if (words.length > 1) {
          throw new TscryptError('INVALID_ARGUMENT', `Invalid arguments for ${first}`, { details });
        }
        this.deferRemoval(undefined);
        return '';
      }
      if (typeof first === 'string' && first.startsWith('@')) {
        throw new TscryptError('INVALID_ARGUMENT', `Unsupported message sent to DM core: ${first}`, {
          details,
        });
      }
      if (!table || !Number.isSafeInteger(offset) || offset < 0 || offset >= table.size) {
        throw new TscryptError('INVALID_ARGUMENT', 'Target message sector outside device.', { details });
      }
      const { target, type } = table.find(offset);
      if (!target.message) {
        throw new TscryptError('INVALID_ARGUMENT', `Target type ${type.name} does not support messages.`, {
          details,
        });
      }
      return await target.message(words);
    });
  }

  /** What has to be said to the targets of the live table, made anew, to bring them to where these are. */
  stateMessages(): { readonly sector: number; readonly words: readonly TableArg[] }[] {
    return (this.#slots.live?.targets ?? []).flatMap(({ target, start }) =>
      (target.stateMessages?.() ?? []).map((words) => ({ sector: start / SECTOR_SIZE, words })),
    );
  }

  /**
   * The event number as soon as it is another one than `known` (`dmsetup wait`).
   *
   * @throws TscryptError NO_SUCH_DEVICE when the device is removed meanwhile; the signal's reason
   */
  waitForEvent(known: number, signal?: AbortSignal): Promise<number> {
    if (this.#closed) return Promise.reject(closedError(this.#name));
    return this.#events.wait(known, signal);
  }

  /** The devices below the live and the inactive table, as tables print them. */
  dependencies(): readonly string[] {
    return [...new Set(this.#slots.tables.flatMap((table) => table.dependencies))];
  }

  /** Raises the event number, as in the kernel. */
  rename(name: string): Promise<void> {
    return this.#exclusively(async () => {
      this.#name = checkName(name);
      this.#events.raise();
      this.copies.changed();
    });
  }

  /**
   * Gives a device without a UUID one; raises the event number.
   *
   * @throws TscryptError INVALID_ARGUMENT when it has one already
   */
  setUuid(uuid: string): Promise<void> {
    return this.#exclusively(async () => {
      if (this.#uuid !== undefined) {
        throw new TscryptError('INVALID_ARGUMENT', `Unable to change uuid of ${this.#name}.`, {
          details: { device: this.#name, uuid: this.#uuid },
        });
      }
      this.#uuid = checkUuid(uuid);
      this.#events.raise();
    });
  }

  /**
   * Takes the device away: requests under way end, what was written is flushed, keys are wiped, devices
   * below are closed. Harmless when repeated.
   *
   * @throws TscryptError DEVICE_BUSY while somebody has it open or requests wait for a resume; any other
   *   failure is reported after everything was released
   */
  close(): Promise<void> {
    if (this.#closed) return this.#control.then(() => {});
    return this.#exclusively(async () => {
      if (this.#openCount > 0 || this.#slots.gate.waiting > 0) {
        throw new TscryptError('DEVICE_BUSY', `Device ${this.#name} is still in use.`, {
          details: { device: this.#name, openCount: this.#openCount, waiting: this.#slots.gate.waiting },
        });
      }
      this.#closed = true;
      this.#events.end(
        new TscryptError('NO_SUCH_DEVICE', `Device ${this.#name} was removed.`, {
          errno: 'ENXIO',
          details: { device: this.#name },
        }),
      );
      try {
        await this.#slots.empty();
      } finally {
        this.#statistics.deleteAll();
      }
    });
  }

  /** Statistics can be looked at while a suspension waits for requests. What is counted must come through here. */
  async #statisticsMessage(words: readonly TableArg[]): Promise<string> {
    const begins = beginsStatistics(words);
    if (begins) await this.copies.forbid();
    try {
      if (this.#closed) throw closedError(this.#name);
      return statisticsMessage(this.#statistics, words, this.size / SECTOR_SIZE);
    } finally {
      if (begins) this.copies.allow();
      else this.copies.changed();
    }
  }

  /** A request that a target gave back is made again after the resume, if this suspension keeps such. */
  #keep(done: MaybePromise<void>, again: () => MaybePromise<void>): MaybePromise<void> {
    if (!(done instanceof Promise)) return done;
    return done.catch((error: unknown) => {
      if (!(error instanceof Requeue)) throw error;
      if (this.#slots.keepsRequeued) return this.#later(again);
      throw new TscryptError('IO_ERROR', `Device ${this.#name} cannot serve the request.`, {
        details: { device: this.#name },
      });
    });
  }

  /** A request that cannot go through now: it waits for the resume, or fails. */
  #later<T>(again: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#closed) throw closedError(this.#name);
    if (this.#slots.gate.shut) return this.#slots.gate.wait().then(again);
    throw noTable(this.#name);
  }

  #notSupported(what: string): TscryptError {
    return new TscryptError('NOT_SUPPORTED', `Device ${this.#name} does not ${what}.`, {
      errno: 'EOPNOTSUPP',
      details: { device: this.#name },
    });
  }

  #exclusively<T>(operation: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      if (this.#closed) throw closedError(this.#name);
      return await operation();
    };
    const result = this.#control.then(run, run);
    this.#control = result.catch(() => {});
    return result;
  }
}
