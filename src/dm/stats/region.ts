import { u64 } from './numbers.ts';
import type { RegionSpec } from './spec.ts';

export const READ = 0;
export const WRITE = 1;
/** Discards and zeroes are writes. */
export type Direction = typeof READ | typeof WRITE;

// An area's numbers, one behind the other; those of a pair are READ's and WRITE's.
const IN_FLIGHT = 0;
/** When the times that run while something is in flight were last brought up to date. */
const STAMP = 2;
const IOS = 3;
const MERGES = 5;
const SECTORS = 7;
const TICKS = 9;
const IO_TICKS = 11;
const IO_TICKS_TOTAL = 13;
const TIME_IN_QUEUE = 14;
const HISTOGRAM = 15;

/** What is printed of an area without requests. */
const NOTHING = '0 0 0 0 0 0 0 0 0 0 0 0 0';

/** How many numbers an area of `spec` has. */
export function areaNumbers(spec: RegionSpec): number {
  return HISTOGRAM + (spec.bounds.length === 0 ? 0 : spec.bounds.length + 1);
}

/**
 * The counters of a region's areas (Documentation/admin-guide/device-mapper/statistics.rst). Counters are exact up
 * to 2^53. What is never touched costs no memory, since untouched pages of a large array do not exist.
 *
 * `now` is the same clock everywhere: milliseconds with fractions, as of `performance.now()`.
 */
export class Region {
  readonly id: number;
  readonly spec: RegionSpec;
  auxData: string;
  readonly areas: number;
  readonly numbers: Float64Array;
  readonly #perArea: number;
  readonly #start: number;
  readonly #end: number;
  readonly #step: number;
  readonly #bounds: Float64Array;

  /** @param numbers zeroes, `areas` × {@link areaNumbers}; the region's own from now on */
  constructor(id: number, spec: RegionSpec, auxData: string, areas: number, numbers: Float64Array) {
    this.id = id;
    this.spec = spec;
    this.auxData = auxData;
    this.areas = areas;
    this.numbers = numbers;
    this.#perArea = areaNumbers(spec);
    this.#start = Number(spec.start);
    this.#end = Number(spec.start + spec.length);
    this.#step = Number(spec.step);
    this.#bounds = Float64Array.from(spec.bounds, Number);
  }

  /** A request is under way. @param from the first sector; `to` is the first behind it */
  begin(direction: Direction, from: number, to: number, now: number): void {
    const last = Math.min(to, this.#end);
    let sector = Math.max(from, this.#start);
    if (sector >= last) return;
    const time = this.#time(now);
    for (let area = this.#areaOf(sector); sector < last; area++) {
      const at = area * this.#perArea;
      this.#catchUp(at, time);
      this.#add(at + IN_FLIGHT + direction, 1);
      sector = this.#start + (area + 1) * this.#step;
    }
  }

  /**
   * A request that began has ended, well or not.
   *
   * @param started when it came to the device
   * @param merged it followed on the one before
   */
  end(direction: Direction, from: number, to: number, started: number, now: number, merged: boolean): void {
    const last = Math.min(to, this.#end);
    let sector = Math.max(from, this.#start);
    if (sector >= last) return;
    const time = this.#time(now);
    const duration = time - this.#time(started);
    const latency = this.#bounds.length === 0 ? -1 : this.#latency(duration);
    for (let area = this.#areaOf(sector); sector < last; area++) {
      const at = area * this.#perArea;
      const next = this.#start + (area + 1) * this.#step;
      this.#catchUp(at, time);
      this.#add(at + IN_FLIGHT + direction, -1);
      this.#add(at + IOS + direction, 1);
      if (merged) this.#add(at + MERGES + direction, 1);
      this.#add(at + SECTORS + direction, Math.min(next, last) - sector);
      this.#add(at + TICKS + direction, duration);
      if (latency >= 0) this.#add(at + HISTOGRAM + latency, 1);
      sector = next;
    }
  }

  /** Lines `first` to before `end`, each with its newline. */
  print(first: number, end: number, now: number): string {
    const time = this.#time(now);
    const lines: string[] = [];
    for (let area = first; area < end; area++) {
      const at = area * this.#perArea;
      this.#catchUp(at, time);
      lines.push(`${this.#place(area)} ${this.#counters(at)}${this.#histogram(at)}\n`);
    }
    return lines.join('');
  }

  /** Zeroes the counters of areas `first` to before `end`; what is in flight stays so. */
  clear(first: number, end: number, now: number): void {
    const time = this.#time(now);
    for (let area = first; area < end; area++) {
      const at = area * this.#perArea;
      this.#catchUp(at, time);
      this.numbers.fill(0, at + IOS, at + this.#perArea);
    }
  }

  #areaOf(sector: number): number {
    return Math.floor((sector - this.#start) / this.#step);
  }

  #time(now: number): number {
    return this.spec.precise ? Math.round(now * 1e6) : Math.floor(now);
  }

  #add(at: number, amount: number): void {
    this.numbers[at] = this.#at(at) + amount;
  }

  #at(at: number): number {
    return this.numbers[at] as number;
  }

  /** Adds the time since the last look to what counts time while requests are in flight. */
  #catchUp(at: number, time: number): void {
    const passed = time - this.#at(at + STAMP);
    if (passed === 0) return;
    this.numbers[at + STAMP] = time;
    const reads = this.#at(at + IN_FLIGHT + READ);
    const writes = this.#at(at + IN_FLIGHT + WRITE);
    if (reads + writes === 0) return;
    if (reads > 0) this.#add(at + IO_TICKS + READ, passed);
    if (writes > 0) this.#add(at + IO_TICKS + WRITE, passed);
    this.#add(at + IO_TICKS_TOTAL, passed);
    this.#add(at + TIME_IN_QUEUE, (reads + writes) * passed);
  }

  /** Which of the histogram's numbers counts `duration`: one that is at a bound belongs above it. */
  #latency(duration: number): number {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (duration < (this.#bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The last area's length is as long as the others', whatever the region's is. */
  #place(area: number): string {
    const start = this.#start + area * this.#step;
    if (Number.isSafeInteger(start + this.#step)) return `${start}+${this.#step}`;
    return `${u64(this.spec.start + BigInt(area) * this.spec.step)}+${this.spec.step}`;
  }

  /** Most areas of a large region have never been touched. */
  #counters(at: number): string {
    const n = this.numbers;
    const inFlight = this.#at(at + IN_FLIGHT + READ) + this.#at(at + IN_FLIGHT + WRITE);
    if (inFlight === 0 && n[at + IOS + READ] === 0 && n[at + IOS + WRITE] === 0) return NOTHING;
    const reads = `${n[at + IOS]} ${n[at + MERGES]} ${n[at + SECTORS]} ${n[at + TICKS]}`;
    const w = at + WRITE;
    const writes = `${n[w + IOS]} ${n[w + MERGES]} ${n[w + SECTORS]} ${n[w + TICKS]}`;
    const busy = `${n[at + IO_TICKS_TOTAL]} ${n[at + TIME_IN_QUEUE]} ${n[at + IO_TICKS]} ${n[w + IO_TICKS]}`;
    return `${reads} ${writes} ${inFlight} ${busy}`;
  }

  #histogram(at: number): string {
    if (this.#bounds.length === 0) return '';
    return ` ${this.numbers.subarray(at + HISTOGRAM, at + this.#perArea).join(':')}`;
  }
}
