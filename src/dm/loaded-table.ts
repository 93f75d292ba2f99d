import type { Features, Limits } from '../block/device.ts';
import { TscryptError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { TableLine, TableSpec } from '../table/spec.ts';
import { SECTOR_SIZE } from '../units.ts';
import { stackLimits } from './limits.ts';
import { checkAlignment, checkAreas } from './load-checks.ts';
import { type Pieces, runPieces } from './pieces.ts';
import { dataRoom, type PlacedTarget } from './placed-target.ts';
import type { TargetStatus } from './status.ts';
import type { DeviceReferences } from './table-devices.ts';
import type { Target, TargetType } from './target.ts';

export interface LoadOptions {
  /** The mapped device's name, for error messages. */
  readonly name: string;
  readonly readOnly: boolean;
  readonly types: ReadonlyMap<string, TargetType>;
  readonly devices: DeviceReferences;
}

/** Many small pieces of one request may be under way at once; this bounds the promises they make. */
const PIECES_AT_ONCE = 64;

/** A table whose targets exist: what stands in the live or the inactive slot of a mapped device. */
export class LoadedTable {
  readonly targets: readonly PlacedTarget[];
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
  readonly #devices: DeviceReferences;
  readonly #flushOnce: boolean;

  private constructor(targets: readonly PlacedTarget[], options: LoadOptions) {
    this.targets = targets;
    this.readOnly = options.readOnly;
    this.size = targets.at(-1)?.end ?? 0;
    const limits = stackLimits(targets.map(({ target }) => target.limits));
    this.features = {
      discard: targets.every(({ target }) => target.features.discard),
      fastZeroes: targets.every(({ target }) => target.features.fastZeroes),
      multiConnection: targets.every(({ target }) => target.features.multiConnection),
    };
    this.limits = this.features.discard ? limits : { ...limits, discardGranularity: 0 };
    this.#devices = options.devices;
    this.#flushOnce = targets.every(({ target }) => target.flushBypassesMap === true);
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
        targets.push(await place(line, index + 1, expected, options));
      }
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

  /**
   * Runs a request that may cross targets: `piece` is called for each part with the target, the part's
   * offset in it, and where the part lies in the request.
   *
   * @param data the part is data: also split at the target's own boundaries and largest request
   */
  split(
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
        return piece(placed.target, at, from, done);
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

  /** Names of the devices below, each once. */
  get dependencies(): readonly string[] {
    return this.#devices.devices.map((device) => device.name);
  }

  async presuspend(): Promise<void> {
    for (const { target } of this.targets) await target.presuspend?.();
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
  const context = {
    readOnly: options.readOnly,
    openDevice: (name: string) => options.devices.open(name),
  };
  try {
    const target = await type.construct(line, context);
    const start = line.start * SECTOR_SIZE;
    return { start, end: start + line.length * SECTOR_SIZE, type, target };
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

function refused(
  options: LoadOptions,
  text: string,
  details: Record<string, unknown> = { device: options.name },
): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', text, { details });
}
