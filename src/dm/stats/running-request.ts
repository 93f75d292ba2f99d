import { type Direction, READ, type Region } from './region.ts';

/**
 * A request under way, in every region that was there when it began: so one that is made or deleted
 * meanwhile never counts half a request. Used again for another request when it has ended.
 */
export class RunningRequest {
  direction: Direction = READ;
  /** Sectors: the first, and the first behind. */
  from = 0;
  to = 0;
  started = 0;
  merged = false;
  regions: readonly Region[] = [];
  readonly #idle: RunningRequest[];

  /** @param idle where it puts itself when it has ended */
  constructor(idle: RunningRequest[]) {
    this.#idle = idle;
  }

  begin(now: number): void {
    for (const region of this.regions) region.begin(this.direction, this.from, this.to, now);
  }

  // Made once, so that following a request costs one promise and no closure.
  readonly succeeded = (): void => this.end(performance.now());

  readonly failed = (error: unknown): never => {
    this.end(performance.now());
    throw error;
  };

  end(now: number): void {
    const { direction, from, to, started, merged } = this;
    for (const region of this.regions) region.end(direction, from, to, started, now, merged);
    this.regions = [];
    this.#idle.push(this);
  }
}
