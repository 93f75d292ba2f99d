import { totalmem } from 'node:os';

/**
 * What statistics may take, all devices of the process together: a quarter of the machine's memory, as in
 * the kernel.
 */
export class StatisticsMemory {
  readonly #limit: number;
  #allocated = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes in use (`/sys/module/dm_mod/parameters/stats_current_allocated_bytes`). */
  get allocated(): number {
    return this.#allocated;
  }

  /** @returns undefined when there is not enough */
  allocate(doubles: number): Float64Array | undefined {
    const bytes = doubles * Float64Array.BYTES_PER_ELEMENT;
    if (this.#allocated + bytes > this.#limit) return undefined;
    try {
      const array = new Float64Array(doubles);
      this.#allocated += bytes;
      return array;
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /** What was allocated is used no longer, or soon will not be. */
  release(array: Float64Array): void {
    this.#allocated -= array.byteLength;
  }
}

let shared: StatisticsMemory | undefined;

/** The one of the process. */
export function sharedStatisticsMemory(): StatisticsMemory {
  shared ??= new StatisticsMemory(totalmem() / 4);
  return shared;
}
