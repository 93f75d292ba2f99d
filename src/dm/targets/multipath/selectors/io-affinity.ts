import { type ArgumentReader, refuse } from '../../arguments.ts';
import type { PathSelector, SelectorType } from './selector.ts';

/**
 * `io-affinity`: each path has processors, as a mask, and a request goes the way of the processor that makes
 * it. All requests here are made by one thread, which is taken to run on processor 0.
 */
export const ioAffinity: SelectorType = {
  name: 'io-affinity',
  tableArgs: 1,
  infoArgs: 1,
  create: () => new IoAffinity(),
};

/** Processors that a Linux kernel can be made for (CONFIG_NR_CPUS). */
const MAX_CPUS = 8192;
const THIS_CPU = 0;

class IoAffinity implements PathSelector {
  readonly args = [];
  readonly #masks: bigint[] = [];
  readonly #failed: boolean[] = [];
  /** The path of each processor that has one. */
  readonly #pathOf = new Map<number, number>();
  /** Each path once, by its first processor: who steps in. */
  #substitutes: readonly number[] = [];
  /** Requests from processors without a path. */
  #misses = 0;

  addPath(args: ArgumentReader): void {
    const text = args.left === 1 ? args.next() : refuse('io-affinity ps: invalid number of arguments');
    const mask = typeof text === 'string' ? parseMask(text) : undefined;
    if (mask === undefined) refuse('io-affinity ps: invalid cpumask');
    const path = this.#masks.length;
    const cpus = processors(mask).filter((cpu) => !this.#pathOf.has(cpu));
    if (cpus.length === 0) refuse('io-affinity ps: No new/valid CPU mapping found');
    for (const cpu of cpus) this.#pathOf.set(cpu, path);
    this.#masks.push(mask);
    this.#failed.push(false);
    const byCpu = [...this.#pathOf].sort(([a], [b]) => a - b);
    this.#substitutes = [...new Set(byCpu.map(([, of]) => of))];
  }

  select(): number {
    const path = this.#pathOf.get(THIS_CPU);
    if (path === undefined) this.#misses++;
    else if (!this.#failed[path]) return path;
    for (const substitute of this.#substitutes) if (!this.#failed[substitute]) return substitute;
    return -1;
  }

  failPath(path: number): void {
    this.#failed[path] = true;
  }

  reinstatePath(path: number): void {
    this.#failed[path] = false;
  }

  startIo(): number {
    return 0;
  }

  endIo(): void {}

  tableArgsOf(path: number): readonly string[] {
    return [formatMask(this.#masks[path] as bigint)];
  }

  /** The group's, for each of its paths. */
  infoArgsOf(): readonly string[] {
    return [String(this.#misses)];
  }
}

/** Hexadecimal digits, up to eight between commas (`cpumask_parse`); undefined when it is none. */
function parseMask(text: string): bigint | undefined {
  if (!/^[0-9a-f]{1,8}(,[0-9a-f]{1,8})*$/i.test(text)) return undefined;
  const mask = BigInt(
    `0x${text.replace(/[0-9a-f]+/gi, (part) => part.padStart(8, '0')).replaceAll(',', '')}`,
  );
  return mask >> BigInt(MAX_CPUS) === 0n ? mask : undefined;
}

function formatMask(mask: bigint): string {
  return mask.toString(16).replace(/(?<=.)(?=(.{8})+$)/g, ',');
}

function processors(mask: bigint): number[] {
  const bits = [...mask.toString(2)].reverse();
  return bits.flatMap((bit, cpu) => (bit === '1' ? [cpu] : []));
}
