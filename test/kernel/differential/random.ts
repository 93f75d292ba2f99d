import type { Step } from './case.ts';

/** Numbers that are the same in every run: a case is made again from its seed. (xorshift32) */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.#next();
  }

  /** 0 … below, an integer. */
  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit);
  }

  /** from … to, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** The items in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
    }
    return shuffled;
  }

  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }
}

export interface WorkloadOptions {
  /** Sectors of the device. */
  readonly sectors: number;
  /** Sectors that offsets and lengths are multiples of; 1 if not given. */
  readonly unit?: number;
  readonly steps?: number;
  /** Longest request, in sectors; 256 if not given. */
  readonly longest?: number;
  readonly kinds?: readonly ('read' | 'write' | 'flush' | 'discard' | 'zeroes')[];
  readonly device?: string;
}

/** Requests at random places: mostly reads and writes, of one unit as often as of many. */
export function workload(random: Random, options: WorkloadOptions): Step[] {
  const { sectors, unit = 1, steps = 24, longest = 256, device } = options;
  const kinds = options.kinds ?? [
    'read',
    'read',
    'read',
    'write',
    'write',
    'write',
    'flush',
    'discard',
    'zeroes',
  ];
  const units = Math.floor(sectors / unit);
  const most = Math.max(1, Math.min(units, Math.floor(longest / unit)));
  return Array.from({ length: steps }, (): Step => {
    const kind = random.pick(kinds);
    const on = device === undefined ? {} : { device };
    if (kind === 'flush') return { ...on, do: 'flush' };
    const count = random.chance(30) ? 1 : random.between(1, most);
    // The borders of a device, where mistakes live, come up often.
    const last = units - count;
    const at = random.chance(15) ? 0 : random.chance(15) ? last : random.between(0, last);
    const place = { ...on, sector: at * unit, sectors: count * unit };
    return kind === 'write' ? { ...place, do: 'write', fua: random.chance(20) } : { ...place, do: kind };
  });
}
