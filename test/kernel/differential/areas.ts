import type { Random } from './random.ts';

/** Sectors of a device that nobody else in the case uses, so that the order of two writes never matters. */
export interface Area {
  /** As tables name it: `{a}`, `{NAME}`. */
  readonly device: string;
  readonly start: number;
  readonly sectors: number;
}

/** What is free of some devices; whoever makes a table line takes from it. */
export class Areas {
  readonly #free: Area[];
  readonly #taken: Area[] = [];

  constructor(free: readonly Area[]) {
    this.#free = [...free];
  }

  /** What was taken. */
  get taken(): readonly Area[] {
    return this.#taken;
  }

  /** The largest number of sectors that can be taken in one. */
  get most(): number {
    return Math.max(0, ...this.#free.map(({ sectors }) => sectors));
  }

  /** A range of any device; undefined when none has so much room. */
  take(random: Random, sectors: number): Area | undefined {
    const fitting = this.#free.filter((area) => area.sectors >= sectors);
    if (fitting.length === 0) return undefined;
    const from = random.pick(fitting);
    const taken = { device: from.device, start: from.start, sectors };
    const rest = { device: from.device, start: from.start + sectors, sectors: from.sectors - sectors };
    this.#replace(from, taken, rest);
    return taken;
  }

  /** Several ranges of the same size, or none. */
  takeAll(random: Random, count: number, sectors: number): Area[] | undefined {
    const before = [[...this.#free], [...this.#taken]] as const;
    const taken: Area[] = [];
    while (taken.length < count) {
      const area = this.take(random, sectors);
      if (!area) {
        this.#free.splice(0, this.#free.length, ...before[0]);
        this.#taken.splice(0, this.#taken.length, ...before[1]);
        return undefined;
      }
      taken.push(area);
    }
    return taken;
  }

  /** The beginning of a device, for targets that cannot be told where on a device to begin. */
  takeBeginning(random: Random, sectors: number): Area | undefined {
    const fitting = this.#free.filter((area) => area.start === 0 && area.sectors >= sectors);
    if (fitting.length === 0) return undefined;
    const from = random.pick(fitting);
    this.#replace(from, from);
    return from;
  }

  #replace(from: Area, taken: Area, rest?: Area): void {
    this.#free.splice(this.#free.indexOf(from), 1, ...(rest && rest.sectors > 0 ? [rest] : []));
    this.#taken.push(taken);
  }
}
