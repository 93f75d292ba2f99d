import type { Argon2Parameters } from './pbkdf.ts';

export interface Argon2Limits {
  readonly minTime: number;
  readonly maxTime: number;
  /** KiB. */
  readonly minMemory: number;
  readonly maxMemory: number;
  readonly cpus: number;
}

/** First guess in KiB: less says little about a large memory's speed. */
const FIRST_MEMORY = 64 * 1024;
/** Costs whose expected time is this close to the target are good (cryptsetup's margins). */
const AT_LEAST = 0.95;
const AT_MOST = 1.1;
/** One step enlarges the costs by this much at most: short measurements are inexact. */
const MAX_GROWTH = 8;
const MAX_ROUNDS = 8;

interface Sample {
  readonly memory: number;
  /** KiB and passes in a millisecond. */
  readonly speed: number;
}

/**
 * Finds Argon2 costs for a target time: as few passes as allowed and as much memory as the time allows, more
 * passes only when the memory is at its limit.
 *
 * Other programs can only make a measurement slower. So the fastest one counts: a busy machine neither makes
 * for cheap keyslots nor for an endless search. Only measurements with a comparable amount of memory are
 * compared, for a small one fits into the CPU's caches.
 *
 * @param targetMs milliseconds one derivation should take
 * @param measure milliseconds that a derivation with those parameters takes
 */
export async function calibrateArgon2(
  type: Argon2Parameters['type'],
  limits: Argon2Limits,
  targetMs: number,
  measure: (parameters: Argon2Parameters) => Promise<number>,
): Promise<Argon2Parameters> {
  const { minTime, maxMemory, cpus } = limits;
  const minMemory = Math.max(limits.minMemory, 8 * cpus);
  const first = Math.max(minMemory, Math.min(FIRST_MEMORY, maxMemory));
  let current: Argon2Parameters = { type, time: minTime, memory: first, cpus };
  const samples: Sample[] = [];

  for (let round = 0; round < MAX_ROUNDS; round++) {
    const cost = current.time * current.memory;
    const ms = Math.max(await measure(current), 0.001);
    samples.push({ memory: current.memory, speed: cost / ms });
    const { memory } = current;
    const speed = Math.max(...samples.filter((s) => s.memory >= memory / 2).map((s) => s.speed));
    const expected = cost / speed / targetMs;
    if (expected >= AT_LEAST && expected <= AT_MOST) return current;
    const next = withCost(current, Math.min(speed * targetMs, cost * MAX_GROWTH), { ...limits, minMemory });
    if (next.memory === current.memory && next.time === current.time) return current;
    current = next;
  }
  return current;
}

/** Costs of `cost` KiB and passes, or as near as the limits allow. */
function withCost(parameters: Argon2Parameters, cost: number, limits: Argon2Limits): Argon2Parameters {
  const { minTime, maxTime, minMemory, maxMemory } = limits;
  const memory = Math.floor(cost / minTime);
  if (memory <= maxMemory) return { ...parameters, time: minTime, memory: Math.max(memory, minMemory) };
  const time = Math.round(cost / maxMemory);
  return { ...parameters, time: Math.min(Math.max(time, minTime), maxTime), memory: maxMemory };
}
