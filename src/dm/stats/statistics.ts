import { TscryptError } from '../../errors.ts';
import type { MaybePromise } from '../../maybe-promise.ts';
import { SECTOR_SIZE } from '../../units.ts';
import { type StatisticsMemory, sharedStatisticsMemory } from './memory.ts';
import { areaNumbers, type Direction, READ, Region } from './region.ts';
import { RunningRequest } from './running-request.ts';
import type { NewRegion, RegionSpec } from './spec.ts';

/** As many as the kernel's DM_STAT_MAX_ENTRIES and DM_STAT_MAX_HISTOGRAM_ENTRIES. */
const MAX_AREAS = 8 << 20;
const MAX_HISTOGRAM_NUMBERS = 128 << 20;

/**
 * The statistics of one mapped device: regions in which requests are counted. They survive changes of its
 * table. As long as there is none, a request costs a look at {@link active}.
 */
export class Statistics {
  /** There are regions: requests must go through {@link account}. */
  active = false;
  /** By id. Never changed in place, since requests under way hold it. */
  #regions: readonly Region[] = [];
  readonly #memory: StatisticsMemory;
  /** Where the last request ended, and what it was: what goes on there is merged. */
  #lastEnd = -1;
  #lastDirection: Direction = READ;
  readonly #idle: RunningRequest[] = [];

  constructor(memory: StatisticsMemory = sharedStatisticsMemory()) {
    this.#memory = memory;
  }

  get regions(): readonly Region[] {
    return this.#regions;
  }

  /** @throws TscryptError NO_SUCH_OBJECT (ENOENT) */
  region(id: number): Region {
    const region = this.#regions.find((one) => one.id === id);
    if (region) return region;
    throw new TscryptError('NO_SUCH_OBJECT', `No statistics region ${id}.`, { details: { region: id } });
  }

  /**
   * @returns the smallest id that is free
   * @throws TscryptError INVALID_ARGUMENT (EOVERFLOW) for more areas than there may be, OUT_OF_MEMORY
   */
  create({ spec, auxData }: NewRegion): number {
    const areas = areasOf(spec);
    const numbers = this.#memory.allocate(areas * areaNumbers(spec));
    if (!numbers) {
      throw new TscryptError('OUT_OF_MEMORY', 'Not enough memory for statistics.', { details: { areas } });
    }
    let id = 0;
    while (this.#regions[id]?.id === id) id++;
    this.#regions = this.#regions.toSpliced(id, 0, new Region(id, spec, auxData, areas, numbers));
    this.active = true;
    return id;
  }

  /** @throws TscryptError NO_SUCH_OBJECT (ENOENT) */
  delete(id: number): void {
    const region = this.region(id);
    this.#regions = this.#regions.filter((one) => one !== region);
    this.#memory.release(region.numbers);
    this.active = this.#regions.length > 0;
    if (!this.active) this.#idle.length = 0;
  }

  /** The device is gone. */
  deleteAll(): void {
    for (const { id } of this.#regions) this.delete(id);
  }

  /**
   * Counts a request, or the piece of one that a target got. One that failed inline is not counted: a target
   * that refuses a request without looking for it below does so, and such never begin in the kernel either.
   *
   * @param offset bytes, in the mapped device
   * @param started `performance.now()` before the target got it
   * @param result what the target returned
   * @returns `result`
   */
  account(
    direction: Direction,
    offset: number,
    length: number,
    started: number,
    result: MaybePromise<void>,
  ): MaybePromise<void> {
    const request = this.#idle.pop() ?? new RunningRequest(this.#idle);
    request.direction = direction;
    request.from = offset / SECTOR_SIZE;
    request.to = request.from + length / SECTOR_SIZE;
    request.started = started;
    request.merged = request.from === this.#lastEnd && direction === this.#lastDirection;
    request.regions = this.#regions;
    this.#lastEnd = request.to;
    this.#lastDirection = direction;
    const now = performance.now();
    request.begin(now);
    if (result instanceof Promise) return result.then(request.succeeded, request.failed);
    request.end(now);
  }
}

/** @throws TscryptError INVALID_ARGUMENT (EOVERFLOW) */
function areasOf(spec: RegionSpec): number {
  const areas = Number((spec.length + spec.step - 1n) / spec.step);
  if (areas <= MAX_AREAS && areas * (spec.bounds.length + 1) <= MAX_HISTOGRAM_NUMBERS) return areas;
  throw new TscryptError('INVALID_ARGUMENT', 'Too many areas in one statistics region.', {
    errno: 'EOVERFLOW',
    details: { areas, histogram: spec.bounds.length },
  });
}
