import { TscryptError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import { SECTOR_SIZE } from '../units.ts';
import type { BlockDevice, Extent, Features, Limits, WriteOptions, WriteZeroesOptions } from './device.ts';
import { checkRead, checkWrite } from './request-check.ts';

export type RequestKind = 'read' | 'write' | 'flush' | 'discard' | 'writeZeroes';

/** A request that changed the content. */
export type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Uint8Array; readonly fua: boolean }
  | {
      readonly kind: 'discard' | 'writeZeroes';
      readonly offset: number;
      readonly length: number;
      readonly fua: boolean;
    };

export type LogEntry = Change | { readonly kind: 'flush' };

/** Which requests fail, and how. */
export interface FaultRule {
  /** Only requests of this kind; all kinds if not given. */
  readonly kind?: RequestKind;
  /** Only requests that touch this range (bytes). Flushes touch everything. */
  readonly offset?: number;
  readonly length?: number;
  /** So many matching requests pass first; 0 if not given. */
  readonly after?: number;
  /** How many matching requests fail then; 1 if not given, Infinity = all. */
  readonly times?: number;
  /** EIO if not given. */
  readonly errno?: string;
}

export interface CutOptions {
  /**
   * Whether a change that no flush or FUA had made stable is lost; without it none is. Losing any subset
   * is all that a disk which reorders can do: a sector holds the last change of it that landed.
   *
   * @param index the change's number, from 0
   */
  readonly lose?: (change: Change, index: number) => boolean;
  /** The last change was under way: only so many of its 512-byte sectors, from its start on, landed. */
  readonly tornSectors?: number;
}

interface Recorded {
  readonly change: Change;
  completed: boolean;
  /** Stable in every power cut after more changes than this. */
  stableFrom: number;
}

/**
 * For tests of whoever writes metadata: keeps an ordered log of everything written and flushed, gives the
 * content as a power cut would have left it after any write, and fails requests on demand.
 */
export class FaultDevice implements BlockDevice {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
  readonly extents?: (offset: number, length: number) => MaybePromise<Extent[]>;
  readonly #device: BlockDevice;
  readonly #initial: Uint8Array;
  readonly #log: LogEntry[] = [];
  readonly #recorded: Recorded[] = [];
  #rules: { readonly rule: FaultRule; seen: number }[] = [];
  #cutAt = Number.POSITIVE_INFINITY;

  private constructor(device: BlockDevice, initial: Uint8Array) {
    this.name = device.name;
    this.size = device.size;
    this.readOnly = device.readOnly;
    this.limits = device.limits;
    this.features = device.features;
    this.#device = device;
    this.#initial = initial;
    if (device.extents) this.extents = (offset, length) => device.extents?.(offset, length) ?? [];
  }

  /** Puts a fault device over another one, whose whole content is read as the state before the log. */
  static async over(device: BlockDevice): Promise<FaultDevice> {
    const initial = new Uint8Array(device.size);
    const step = device.limits.maxIoSize;
    for (let at = 0; at < initial.length; at += step) {
      await device.read(at, initial.subarray(at, Math.min(at + step, initial.length)));
    }
    return new FaultDevice(device, initial);
  }

  /** Everything that changed the device or made changes stable, in the order it was issued. */
  get log(): readonly LogEntry[] {
    return this.#log;
  }

  /** Writes, discards and zero writes recorded so far: {@link imageAfter} takes 0 to this. */
  get changes(): number {
    return this.#recorded.length;
  }

  /** From now on the requests that `rule` describes fail. */
  fail(rule: FaultRule): void {
    this.#rules.push({ rule, seen: 0 });
  }

  /** Once `changes` changes are recorded power is gone: every later request fails with EIO. */
  cutPowerAfter(changes: number): void {
    this.#cutAt = changes;
  }

  /** Forgets all rules and the power cut. */
  heal(): void {
    this.#rules = [];
    this.#cutAt = Number.POSITIVE_INFINITY;
  }

  /**
   * The content if power was lost right after the `count`-th change was issued, before any later flush.
   *
   * @param count 0 (nothing written) … {@link changes}
   */
  imageAfter(count: number, options: CutOptions = {}): Uint8Array {
    if (!Number.isInteger(count) || count < 0 || count > this.#recorded.length) {
      throw new TscryptError(
        'INVALID_ARGUMENT',
        `${count} changes asked for, ${this.#recorded.length} recorded.`,
      );
    }
    const image = this.#initial.slice();
    for (const [index, { change, stableFrom }] of this.#recorded.slice(0, count).entries()) {
      const lost = stableFrom >= count && (options.lose?.(change, index) ?? false);
      if (!lost) apply(image, change, index === count - 1 ? options.tornSectors : undefined);
    }
    return image;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    checkRead(this, offset, into.length);
    this.#meet('read', offset, into.length);
    return this.#device.read(offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    checkWrite(this, offset, from.length);
    this.#meet('write', offset, from.length);
    // The copy is taken first: the device below may be allowed to change the buffer.
    const entry = this.#record({ kind: 'write', offset, data: from.slice(), fua: options?.fua ?? false });
    return this.#complete(entry, this.#device.write(offset, from, options));
  }

  flush(): MaybePromise<void> {
    this.#meet('flush', 0, this.size);
    this.#log.push({ kind: 'flush' });
    const covered = this.#recorded.filter((entry) => entry.completed);
    const settle = (): void => {
      for (const entry of covered) entry.stableFrom = Math.min(entry.stableFrom, this.#recorded.length);
    };
    const done = this.#device.flush();
    if (done instanceof Promise) return done.then(settle);
    settle();
  }

  discard(offset: number, length: number): MaybePromise<void> {
    checkWrite(this, offset, length);
    this.#meet('discard', offset, length);
    const entry = this.#record({ kind: 'discard', offset, length, fua: false });
    return this.#complete(entry, this.#device.discard(offset, length));
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    checkWrite(this, offset, length);
    this.#meet('writeZeroes', offset, length);
    const entry = this.#record({ kind: 'writeZeroes', offset, length, fua: options?.fua ?? false });
    return this.#complete(entry, this.#device.writeZeroes(offset, length, options));
  }

  close(): Promise<void> {
    return this.#device.close();
  }

  #record(change: Change): Recorded {
    const entry: Recorded = { change, completed: false, stableFrom: Number.POSITIVE_INFINITY };
    this.#log.push(change);
    this.#recorded.push(entry);
    return entry;
  }

  #complete(entry: Recorded, done: MaybePromise<void>): MaybePromise<void> {
    const settle = (): void => {
      entry.completed = true;
      if (entry.change.fua) entry.stableFrom = this.#recorded.length - 1;
    };
    if (done instanceof Promise) return done.then(settle);
    settle();
  }

  /** Throws if the power is gone or a rule says that this request fails. */
  #meet(kind: RequestKind, offset: number, length: number): void {
    if (this.#recorded.length >= this.#cutAt) throw this.#failure(kind, offset, 'EIO');
    for (const active of this.#rules) {
      const { rule } = active;
      if (rule.kind !== undefined && rule.kind !== kind) continue;
      const start = rule.offset ?? 0;
      const end = start + (rule.length ?? Number.POSITIVE_INFINITY);
      if (offset >= end || offset + length <= start) continue;
      const first = rule.after ?? 0;
      const number = active.seen++;
      if (number >= first && number < first + (rule.times ?? 1)) {
        throw this.#failure(kind, offset, rule.errno ?? 'EIO');
      }
    }
  }

  #failure(kind: RequestKind, offset: number, errno: string): TscryptError {
    return new TscryptError(
      errno === 'ENOSPC' ? 'NO_SPACE' : 'IO_ERROR',
      `Injected ${kind} fault on ${this.name}.`,
      {
        errno,
        details: { device: this.name, kind, offset },
      },
    );
  }
}

function apply(image: Uint8Array, change: Change, tornSectors = Number.POSITIVE_INFINITY): void {
  const length = change.kind === 'write' ? change.data.length : change.length;
  const landed = Math.min(length, tornSectors * SECTOR_SIZE);
  if (change.kind === 'write') image.set(change.data.subarray(0, landed), change.offset);
  else image.fill(0, change.offset, change.offset + landed);
}
