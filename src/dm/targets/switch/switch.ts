import type {
  BlockDevice,
  Extent,
  Features,
  Limits,
  WriteOptions,
  WriteZeroesOptions,
} from '../../../block/device.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { chunkExtents } from '../../extents.ts';
import { commonFeatures, limitsBelow } from '../../limits.ts';
import { runPieces } from '../../pieces.ts';
import type { DeviceArea, Target } from '../../target.ts';
import { refuse, textArg } from '../arguments.ts';
import { formatSwitchArguments, type SwitchArguments } from './args.ts';
import { setRegionMappings } from './mappings.ts';
import { RegionTable } from './region-table.ts';

/** Parts of one discard, and ranges of zeroes, that are under way at a time. */
const DEPTH = 16;

interface Path {
  readonly device: BlockDevice;
  /** Bytes. */
  readonly start: number;
}

/**
 * Regions of fixed size, each of which takes one of several paths to the same data. Which one is a message's
 * to say, at any time. The core makes no read or write longer than a region.
 */
export class SwitchTarget implements Target {
  readonly areas: readonly DeviceArea[];
  /** Bytes. */
  readonly maxIoLength: number;
  readonly #args: SwitchArguments;
  readonly #paths: readonly Path[];
  readonly #table: RegionTable;

  /** @param length sectors */
  constructor(args: SwitchArguments, length: number) {
    this.#args = args;
    this.maxIoLength = args.regionSize * SECTOR_SIZE;
    this.#paths = args.paths.map(({ below, offset }) => ({
      device: below.device,
      start: offset * SECTOR_SIZE,
    }));
    this.areas = this.#paths.map((path) => ({ ...path, length: length * SECTOR_SIZE }));
    this.#table = new RegionTable(Math.ceil(length / args.regionSize), this.#paths.length);
  }

  get limits(): Limits {
    return limitsBelow(this.areas);
  }

  get features(): Features {
    return commonFeatures(this.#paths.map(({ device }) => device.features));
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    const { device, start } = this.#pathAt(offset);
    return device.read(start + offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const { device, start } = this.#pathAt(offset);
    return device.write(start + offset, from, options);
  }

  /** On every device; the kernel drops it. */
  flush(): MaybePromise<void> {
    const devices = [...new Set(this.#paths.map(({ device }) => device))];
    let next = 0;
    return runPieces(
      {
        get finished() {
          return next >= devices.length;
        },
        next: () => devices[next++]?.flush(),
      },
      DEPTH,
    );
  }

  discard(offset: number, length: number): MaybePromise<void> {
    return this.#onRegions(offset, length, ({ device, start }, at, size) => device.discard(start + at, size));
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    return this.#onRegions(offset, length, ({ device, start }, at, size) =>
      device.writeZeroes(start + at, size, options),
    );
  }

  extents(offset: number, length: number): MaybePromise<Extent[]> {
    return chunkExtents(offset, length, this.maxIoLength, (at) => {
      const { device, start } = this.#pathAt(at);
      return { device, offset: start + at };
    });
  }

  /**
   * `set_region_mappings <mapping>…`; takes effect for requests that come later.
   *
   * @throws TscryptError INVALID_ARGUMENT
   */
  message(words: readonly TableArg[]): string {
    const [command, ...mappings] = words.map((word) => textArg(word, 'Unrecognised message received.'));
    if (command?.toLowerCase() !== 'set_region_mappings') refuse('Unrecognised message received.');
    setRegionMappings(this.#table, this.#paths.length, mappings);
    return '';
  }

  statusInfo(): string {
    return '';
  }

  statusTable(): readonly TableArg[] {
    return formatSwitchArguments(this.#args);
  }

  async destroy(): Promise<void> {}

  #pathAt(offset: number): Path {
    return this.#paths[this.#table.pathOf(Math.floor(offset / this.maxIoLength))] as Path;
  }

  /** A range as one request for every run of regions that take the same path. */
  #onRegions(
    offset: number,
    length: number,
    request: (path: Path, at: number, size: number) => MaybePromise<void>,
  ): MaybePromise<void> {
    const end = offset + length;
    let at = offset;
    return runPieces(
      {
        get finished() {
          return at >= end;
        },
        next: () => {
          const from = at;
          const path = this.#pathAt(from);
          do at = Math.min(end, at - (at % this.maxIoLength) + this.maxIoLength);
          while (at < end && this.#pathAt(at) === path);
          return request(path, from, at - from);
        },
      },
      DEPTH,
    );
  }
}
