import type { BlockDevice, Features, Limits, WriteOptions, WriteZeroesOptions } from '../block/device.ts';
import { TscryptError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { TableLine, TableSpec } from '../table/spec.ts';
import { SECTOR_SIZE } from '../units.ts';
import { commonFeatures, stackLimits } from './limits.ts';
import { checkAlignment, checkAreas } from './load-checks.ts';
import { type Pieces, runPieces } from './pieces.ts';
import { dataRoom, type PlacedTarget } from './placed-target.ts';
import { type Direction, READ, WRITE } from './stats/region.ts';
import type { Statistics } from './stats/statistics.ts';
import type { TargetStatus } from './status.ts';
import type { DeviceReferences } from './table-devices.ts';
import type { SuspendOptions, Target, TargetContext, TargetType } from './target.ts';

export interface LoadOptions {
  /** The mapped device's name, for error messages. */
  readonly name: string;
  readonly readOnly: boolean;
  readonly types: ReadonlyMap<string, TargetType>;
  readonly devices: DeviceReferences;
  /** Where the mapped device's requests are counted. */
  readonly statistics: Statistics;
  /** What `TargetContext.raiseEvent` does. */
  readonly raiseEvent: () => void;
  /** The type that a live immutable target binds its successors to. */
  readonly immutableType?: TargetType | undefined;
}

/** Many small pieces of one request may be under way at once; this bounds the promises they make. */
const PIECES_AT_ONCE = 64;

/** A table whose targets exist: what stands in the live or the inactive slot of a mapped device. */
export class LoadedTable {
  readonly targets: readonly PlacedTarget[];
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Requests may come back with `Requeue`. */
  readonly mayRequeue: boolean;
  readonly #devices: DeviceReferences;
  readonly #statistics: Statistics;
  readonly #flushOnce: boolean;
  #limits: Limits;
  #features: Features;

  private constructor(targets: readonly PlacedTarget[], options: LoadOptions) {
    this.targets = targets;
    this.readOnly = options.readOnly;
    this.size = targets.at(-1)?.end ?? 0;
    this.#limits = stackedLimits(targets);
    this.#features = featuresOf(targets);
    this.#devices = options.devices;
    this.#statistics = options.statistics;
    this.#flushOnce = targets.every(({ target }) => target.flushBypassesMap === true);
    this.mayRequeue = targets.some(({ target }) => target.mayRequeue === true);
  }

  get limits(): Limits {
    return this.#limits;
  }

  get features(): Features {
    return this.#features;
  }

  /** The devices below, each once. */
  get openDevices(): readonly BlockDevice[] {
    return this.#devices.devices;
  }

  /** Some device below holds requests back, at whatever depth. */
  get suspendedBelow(): boolean {
    return this.#devices.devices.some((device) => device.suspended ?? false);
  }

  /** The type that tables which replace this one must have, if a target here is immutable. */
  get immutableType(): TargetType | undefined {
    return this.targets.find(({ type }) => type.immutable)?.type;
  }

  /**
   * Asks the targets for their limits again, since devices below may have changed after the table was
   * loaded.
   *
   * @param old what the device had until now, which stays where no device below says anything else
   */
  restack(old: Limits | undefined): void {
    for (const placed of this.targets) placed.maxIoSize = placed.target.limits.maxIoSize;
    const nothingBelow = this.targets.every(({ target }) => target.areas.length === 0 && !target.standsAlone);
    const features = featuresOf(this.targets);
    if (nothingBelow && old) {
      this.#limits = old;
      this.#features = { ...features, discard: features.discard && old.discardGranularity > 0 };
    } else {
      this.#limits = stackedLimits(this.targets);
      this.#features = features;
    }
  }

  /**
   * Constructs every target of `table`, in order, and checks what the kernel checks when a table is loaded.
   *
   * @throws TscryptError with the kernel's text, `details` {device, line (from 1), target, start}
   */
  static async load(table: TableSpec, options: LoadOptions): Promise<LoadedTable> {
    const targets: PlacedTarget[] = [];
    try {
      if (table.length === 0) throw refused(options, 'no targets specified');
      for (const [index, line] of table.entries()) {
        const expected = (targets.at(-1)?.end ?? 0) / SECTOR_SIZE;
        checkSingletons(targets[0]?.type, line, options);
        targets.push(await place(line, index + 1, expected, options));
      }
      checkTypes(targets, options);
      for (const [index, { target }] of targets.entries()) checkAreas(target, index, options.name);
      const loaded = new LoadedTable(targets, options);
      checkAlignment(targets, loaded.limits.logicalBlockSize, options.name);
      return loaded;
    } catch (error) {
      for (const { target } of targets) await target.destroy().catch(() => {});
      await options.devices.release().catch(() => {});
      throw error;
    }
  }

  /** The target that `offset` falls into; `offset` is inside the table. */
  find(offset: number): PlacedTarget {
    let low = 0;
    let high = this.targets.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offset < (this.targets[middle] as PlacedTarget).end) high = middle;
      else low = middle + 1;
    }
    return this.targets[low] as PlacedTarget;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (into.length === 0) return;
    const placed = this.find(offset);
    const at = offset - placed.start;
    if (into.length <= dataRoom(placed, at)) {
      if (!this.#statistics.active) return placed.target.read(at, into);
      const started = performance.now();
      return this.#statistics.account(READ, offset, into.length, started, placed.target.read(at, into));
    }
    return this.#split(READ, offset, into.length, true, (target, start, from, to) =>
      target.read(start, into.subarray(from, to)),
    );
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    if (from.length === 0) return;
    const placed = this.find(offset);
    const at = offset - placed.start;
    if (from.length <= dataRoom(placed, at)) {
      if (!this.#statistics.active) return placed.target.write(at, from, options);
      const started = performance.now();
      const done = placed.target.write(at, from, options);
      return this.#statistics.account(WRITE, offset, from.length, started, done);
    }
    return this.#split(WRITE, offset, from.length, true, (target, start, begin, end) =>
      target.write(start, from.subarray(begin, end), options),
    );
  }

  discard(offset: number, length: number): MaybePromise<void> {
    return this.#split(WRITE, offset, length, false, (target, start, from, to) =>
      target.discard(start, to - from),
    );
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    return this.#split(WRITE, offset, length, false, (target, start, from, to) =>
      target.writeZeroes(start, to - from, options),
    );
  }

  /**
   * Runs a request that may cross targets: `piece` is called for each part with the target, the part's
   * offset in it, and where the part lies in the request.
   *
   * @param data the part is data: also split at the target's own boundaries and largest request
   */
  #split(
    direction: Direction,
    offset: number,
    length: number,
    data: boolean,
    piece: (target: Target, at: number, from: number, to: number) => MaybePromise<void>,
  ): MaybePromise<void> {
    let done = 0;
    const pieces: Pieces = {
      get finished() {
        return done >= length;
      },
      next: () => {
        const placed = this.find(offset + done);
        const at = offset + done - placed.start;
        const room = data ? dataRoom(placed, at) : placed.end - placed.start - at;
        const from = done;
        done += Math.min(room, length - done);
        if (!this.#statistics.active) return piece(placed.target, at, from, done);
        const started = performance.now();
        const result = piece(placed.target, at, from, done);
        return this.#statistics.account(direction, offset + from, done - from, started, result);
      },
    };
    return runPieces(pieces, PIECES_AT_ONCE);
  }

  /** Every target once; or every device below once, where that is all that the targets would do. */
  flush(): MaybePromise<void> {
    const parts: readonly { flush(): MaybePromise<void> }[] = this.#flushOnce
      ? this.#devices.devices
      : this.targets.map(({ target }) => target);
    let next = 0;
    return runPieces(
      {
        get finished() {
          return next >= parts.length;
        },
        next: () => parts[next++]?.flush(),
      },
      PIECES_AT_ONCE,
    );
  }

  status(): TargetStatus[] {
    return this.targets.map(({ start, end, type, target }) => ({
      start: start / SECTOR_SIZE,
      length: (end - start) / SECTOR_SIZE,
      type: type.name,
      info: target.statusInfo(),
    }));
  }

  table(): TableSpec {
    return this.targets.map(({ start, end, type, target }) => ({
      start: start / SECTOR_SIZE,
      length: (end - start) / SECTOR_SIZE,
      type: type.name,
      args: target.statusTable(),
    }));
  }

  /** Whether copies may serve in its stead, as the targets' types say; the weakest counts. */
  get stateless(): TargetType['stateless'] {
    if (this.targets.some(({ type }) => type.stateless === undefined)) return undefined;
    return this.targets.every(({ type }) => type.stateless === 'always') ? 'always' : 'until-failure';
  }

  /** Whether requests take much of the processor's time. */
  get laborious(): boolean {
    return this.targets.some(({ type }) => type.laborious);
  }

  /** The devices below by the names that {@link table} has for them; undefined if one name stands for several. */
  get devicesByLabel(): ReadonlyMap<string, BlockDevice> | undefined {
    return this.#devices.byLabel;
  }

  /** The devices below as tables print them, each once. */
  get dependencies(): readonly string[] {
    return this.#devices.labels;
  }

  async presuspend(how: SuspendOptions): Promise<void> {
    for (const { target } of this.targets) await target.presuspend?.(how);
  }

  async presuspendUndo(): Promise<void> {
    for (const { target } of this.targets) await target.presuspendUndo?.();
  }

  async postsuspend(): Promise<void> {
    for (const { target } of this.targets) await target.postsuspend?.();
  }

  /** @throws TscryptError what the first target that cannot go on says */
  async resume(): Promise<void> {
    for (const { target } of this.targets) await target.preresume?.();
    for (const { target } of this.targets) await target.resume?.();
  }

  /** Destroys every target and closes devices; the first failure is reported after all were tried. */
  async destroy(): Promise<void> {
    const results = await Promise.allSettled(this.targets.map(({ target }) => target.destroy()));
    await this.#devices.release();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}

async function place(
  line: TableLine,
  number: number,
  expectedStart: number,
  options: LoadOptions,
): Promise<PlacedTarget> {
  const details = { device: options.name, line: number, target: line.type, start: line.start };
  if (line.length === 0) throw refused(options, 'zero-length target', details);
  if (!Number.isSafeInteger((line.start + line.length) * SECTOR_SIZE) || line.length < 0) {
    throw refused(options, 'too large device', details);
  }
  const type = options.types.get(line.type);
  if (!type) {
    throw new TscryptError('NOT_SUPPORTED', `${line.type}: unknown target type`, {
      details,
      errno: 'EINVAL',
    });
  }
  if (line.start !== expectedStart) throw refused(options, `${line.type}: Gap in table`, details);
  const context: TargetContext = {
    readOnly: options.readOnly,
    openDevice: (name) => options.devices.open(name),
    reopenDevice: (name) => options.devices.reopen(name),
    deviceLabel: (name) => options.devices.label(name),
    raiseEvent: options.raiseEvent,
  };
  try {
    const target = await type.construct(line, context);
    const start = line.start * SECTOR_SIZE;
    const end = start + line.length * SECTOR_SIZE;
    return { start, end, type, target, maxIoSize: target.limits.maxIoSize };
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    throw new TscryptError(error.code, `${line.type}: ${error.message}`, {
      details: { ...error.details, ...details },
      errno: error.errno,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

/** A target that must be alone in its table has no line before it, and none behind. */
function checkSingletons(first: TargetType | undefined, line: TableLine, options: LoadOptions): void {
  if (!first) return;
  if (first.singleton) throw refused(options, `target type ${first.name} must appear alone in table`);
  if (options.types.get(line.type)?.singleton) {
    throw refused(options, `${line.type}: singleton target type must appear alone in table`);
  }
}

/** Whether the types of a table may replace the live one. */
function checkTypes(targets: readonly PlacedTarget[], options: LoadOptions): void {
  const bound = options.immutableType;
  const replaces = targets.find(({ type }) => type.immutable)?.type;
  const wildcard = targets.some(({ type }) => type.wildcard);
  if (bound && replaces !== bound && !wildcard) {
    throw refused(options, `can't replace immutable target type ${bound.name}`);
  }
}

function stackedLimits(targets: readonly PlacedTarget[]): Limits {
  const limits = stackLimits(targets.map(({ target }) => target.limits));
  const discard = targets.every(({ target }) => target.features.discard);
  const discardGranularity = discard ? Math.max(limits.discardGranularity, limits.physicalBlockSize) : 0;
  // A mapped device says where its first physical block begins, whatever larger unit is preferred.
  const alignmentOffset = limits.alignmentOffset % limits.physicalBlockSize;
  return { ...limits, discardGranularity, alignmentOffset };
}

function featuresOf(targets: readonly PlacedTarget[]): Features {
  return commonFeatures(targets.map(({ target }) => target.features));
}

function refused(
  options: LoadOptions,
  text: string,
  details: Record<string, unknown> = { device: options.name },
): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', text, { details });
}
