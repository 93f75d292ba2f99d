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
/** A result this close to the target is good (cryptsetup's margins). */
const AT_LEAST = 0.95;
const AT_MOST = 1.1;
/** One step enlarges the costs by this much at most: short measurements are inexact. */
const MAX_GROWTH = 8;
const MAX_ROUNDS = 10;

/**
 * Finds Argon2 costs for a target time: as few passes as allowed and as much memory as the time allows, more
 * passes only when the memory is at its limit.
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
  const { minTime, minMemory, maxMemory, cpus } = limits;
  const lowest = Math.max(minMemory, 8 * cpus);
  const memory = Math.max(lowest, Math.min(FIRST_MEMORY, maxMemory));
  let current: Argon2Parameters = { type, time: minTime, memory, cpus };
  let best = current;
  let bestDistance = Number.POSITIVE_INFINITY;

  for (let round = 0; round < MAX_ROUNDS; round++) {
    const factor = targetMs / Math.max(await measure(current), 0.001);
    const distance = Math.abs(Math.log(factor));
    if (distance < bestDistance) {
      best = current;
      bestDistance = distance;
    }
    if (1 / factor >= AT_LEAST && 1 / factor <= AT_MOST) return current;
    const next = scale(current, Math.min(factor, MAX_GROWTH), { ...limits, minMemory: lowest });
    if (next.memory === current.memory && next.time === current.time) return current;
    current = next;
  }
  return best;
}

function scale(parameters: Argon2Parameters, factor: number, limits: Argon2Limits): Argon2Parameters {
  const { minTime, maxTime, minMemory, maxMemory } = limits;
  const cost = parameters.time * parameters.memory * factor;
  const memory = Math.floor(cost / minTime);
  if (memory <= maxMemory) return { ...parameters, time: minTime, memory: Math.max(memory, minMemory) };
  const time = Math.round(cost / maxMemory);
  return { ...parameters, time: Math.min(Math.max(time, minTime), maxTime), memory: maxMemory };
}
