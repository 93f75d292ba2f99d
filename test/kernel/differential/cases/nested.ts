import { type Area, Areas } from '../areas.ts';
import type { Case, Disk, MappedSpec, Step } from '../case.ts';
import { type LineRequest, lineMakers, type MadeLine } from '../line-makers.ts';
import { type Random, workload } from '../random.ts';

const CASES = 110;
/** Mapped devices upon each other, at most. */
const DEPTH = 4;
/** Sectors below which nothing more is made of what is left of the devices below. */
const ROOM = 96;

/** Each maker as often as it is to be chosen. */
const MAKERS = [...lineMakers.values()].flatMap(([weight, make]) =>
  Array.from({ length: weight }, () => make),
);

/** Linux drops flushes to these; here they go through, and show what is broken below. */
const DROPS_FLUSHES = ['switch', 'unstriped'];
/** A flush may fail at these, or change them. */
const MEETS_FLUSHES = ['error', 'flakey', 'dust'];

/**
 * Stacks of mapped devices, up to four deep, over all targets: random valid tables of several lines, random
 * requests to any device of the stack, messages, suspensions, and other tables for devices that are in use.
 */
export function cases(random: Random): Case[] {
  return Array.from({ length: CASES }, (_, index) => new Stack(random, index).case());
}

interface Built {
  readonly name: string;
  readonly table: readonly string[];
  readonly sectors: number;
  /** Where each line that takes messages begins. */
  readonly messages: readonly { readonly sector: number; readonly words: readonly string[] }[];
  /** Another valid table in place of the first, over the same areas below. */
  readonly other: readonly string[] | undefined;
}

interface TableOptions {
  readonly sectors?: number;
  readonly alone?: boolean;
  readonly top?: boolean;
}

class Stack {
  readonly #random: Random;
  readonly #index: number;
  readonly #unit: number;
  readonly #disks: Disk[] = [];
  readonly #built: Built[] = [];

  constructor(random: Random, index: number) {
    this.#random = random;
    this.#index = index;
    this.#unit = random.pick([1, 8]);
  }

  case(): Case {
    const random = this.#random;
    const depth = random.between(1, DEPTH);
    let below = this.#layDisks();
    for (let level = 1; level <= depth; level++) {
      const count = level === depth ? 1 : random.between(1, 3);
      const areas = new Areas(below);
      below = [];
      for (let i = 0; i < count && (i === 0 || areas.most >= ROOM); i++) {
        const built = this.#build(level === depth ? 'top' : `level${level}${'xyz'[i]}`, areas);
        this.#built.push(built);
        below.push({ device: `{${built.name}}`, start: 0, sectors: built.sectors });
      }
    }
    const devices = this.#built.map(({ name, table }): MappedSpec => ({ name, table }));
    const kinds = new Set(devices.flatMap(({ table }) => table.map((line) => line.split(' ')[2])));
    const name = `nested ${this.#index}: ${depth} deep, ${[...kinds].join(' ')}`;
    return {
      name,
      disks: this.#disks,
      devices,
      steps: this.#steps().flatMap((step) => this.#comparable(step)),
    };
  }

  /** The step without what is done otherwise here, for a reason. */
  #comparable(step: Step): Step[] {
    const lines = this.#built.flatMap(({ table, other = [] }) => [...table, ...other]);
    const uses = (kinds: readonly string[]): boolean =>
      lines.some((line) => kinds.includes(line.split(' ')[2] ?? ''));
    // Linux sends all of a discard the way of the region in which it begins.
    if (step.do === 'discard' && uses(['switch'])) return [];
    if (!uses(DROPS_FLUSHES) || !uses(MEETS_FLUSHES)) return [step];
    if (step.do === 'flush') return [];
    if (step.do === 'write') return [{ ...step, fua: false }];
    if (step.do === 'suspend' || step.do === 'resume') return [{ ...step, flush: false }];
    return [step];
  }

  #layDisks(): Area[] {
    const random = this.#random;
    return Array.from({ length: random.between(2, 4) }, (_, index) => {
      const sectors = random.between(2048 / 8, 6144 / 8) * 8;
      this.#disks.push({ sectors, blockSize: this.#unit === 8 ? random.pick([512, 4096]) : 512 });
      return { device: `{${'abcd'[index]}}`, start: 0, sectors };
    });
  }

  #build(name: string, below: Areas): Built {
    const random = this.#random;
    // What this device uses, and nobody else: another table may use it otherwise.
    const used = below.taken.length;
    const count = random.pick([1, 1, 1, 2, 3, 4]);
    const made = this.#table(below, count, { alone: count === 1, top: name === 'top' });
    const own = below.taken.slice(used);
    const immutable = made.lines.some(({ line }) => line.immutable);
    const other = immutable
      ? undefined
      : this.#table(new Areas(own), random.between(1, 3), { sectors: made.sectors });
    return {
      name,
      table: made.lines.map(({ text }) => text),
      sectors: made.sectors,
      messages: made.lines.flatMap(({ sector, line }) =>
        line.messages ? [{ sector, words: line.messages }] : [],
      ),
      other: other?.lines.map(({ text }) => text),
    };
  }

  /** @param how `sectors`: of the whole table; as it comes if undefined */
  #table(below: Areas, count: number, how: TableOptions) {
    const { sectors, alone = false, top = false } = how;
    const lines: { readonly sector: number; readonly text: string; readonly line: MadeLine }[] = [];
    let start = 0;
    for (let i = 0; i < count; i++) {
      if (sectors === undefined && i > 0 && below.most < ROOM) break;
      const room = sectors === undefined ? below.most : Math.min(below.most, sectors - start);
      // Some are large: four levels of small parts would leave nothing for the top.
      const wanted = this.#random.chance(40) ? room : this.#random.between(64, Math.max(64, room));
      let length = Math.floor(wanted / 24) * 24 || 24;
      if (sectors !== undefined) {
        const left = sectors - start;
        length = i === count - 1 || left < 48 ? left : Math.min(length, left - 24);
        if (length === 0) break;
      }
      const line = this.#line({ sectors: length, below, alone, top });
      lines.push({ sector: start, text: `${start} ${length} ${line.text}`, line });
      start += length;
    }
    return { lines, sectors: start };
  }

  #line(request: Omit<LineRequest, 'random' | 'unit'>): MadeLine {
    const random = this.#random;
    for (let tries = 0; tries < 8; tries++) {
      const line = random.pick(MAKERS)({ ...request, random, unit: this.#unit });
      if (line) return line;
    }
    return { text: 'zero' };
  }

  #steps(): Step[] {
    const random = this.#random;
    const look = this.#built.flatMap(({ name: device }): Step[] => [
      { device, do: 'status' },
      { device, do: 'table' },
      { device, do: 'info' },
      { device, do: 'limits' },
    ]);
    const steps: Step[] = [...look];
    for (let round = random.between(2, 5); round > 0; round--) {
      steps.push(...this.#requests(random.between(4, 10)));
      steps.push(...random.pick([() => this.#messages(), () => this.#reload(), () => this.#pause()])());
    }
    return [...steps, ...this.#requests(6), ...look];
  }

  /** Mostly to the top, some to the devices below it. */
  #requests(count: number): Step[] {
    const random = this.#random;
    const built = random.chance(75) ? this.#built.at(-1) : random.pick(this.#built);
    if (!built) return [];
    return workload(random, {
      sectors: built.sectors,
      unit: this.#unit,
      steps: count,
      device: built.name,
    });
  }

  #messages(): Step[] {
    const random = this.#random;
    const all = this.#built.flatMap(({ name, messages }) =>
      messages.map((each) => ({ ...each, device: name })),
    );
    if (all.length === 0) return [];
    const { device, sector, words } = random.pick(all);
    return words
      .slice(0, random.between(1, words.length))
      .flatMap((each): Step[] => [
        { device, do: 'message', sector, words: each },
        { device, do: 'status' },
        ...this.#requests(2),
      ]);
  }

  #reload(): Step[] {
    const { name: device, other, table } = this.#random.pick(this.#built);
    // A log that breaks off does so at an entry in the kernel, which writes one after the other.
    const logs = this.#built.at(-1)?.table.some((line) => line.split(' ')[2] === 'log-writes');
    if (!other || logs) return [];
    const next = this.#random.chance(70) ? other : table;
    return [
      { device, do: 'load', table: next },
      { device, do: 'info' },
      ...this.#requests(3),
      { device, do: 'resume' },
      { device, do: 'table' },
      { device, do: 'limits' },
    ];
  }

  #pause(): Step[] {
    const { name: device } = this.#random.pick(this.#built);
    return [
      { device, do: 'suspend', flush: this.#random.chance(50) },
      { device, do: 'info' },
      ...this.#requests(1),
      { device, do: 'resume' },
    ];
  }
}
