import { availableParallelism, totalmem } from 'node:os';
import { TscryptError } from '../errors.ts';
import { KIB } from '../units.ts';
import { ARGON2_MAX_MEMORY_KIB } from './argon2.ts';
import { type Argon2Limits, calibrateArgon2 } from './argon2-calibration.ts';
import { hashSize } from './hash.ts';
import { type Argon2Parameters, derive, type Pbkdf } from './pbkdf.ts';

/** What a user asks of a new keyslot's KDF; what is left out is cryptsetup's default. */
export interface PbkdfRequest {
  readonly type: 'pbkdf2' | 'argon2i' | 'argon2id';
  /** Of PBKDF2; sha256. */
  readonly hash?: string;
  /** Milliseconds that one derivation should take; 2000. */
  readonly iterTimeMs?: number;
  /** Iterations (PBKDF2) or passes (Argon2), instead of measuring. */
  readonly forceIterations?: number;
  /** Most memory in KiB, for Argon2; 1 GiB. Half of the machine's memory is never exceeded. */
  readonly memoryKib?: number;
  /** Most threads, for Argon2; 4. Never more than CPUs. */
  readonly parallel?: number;
}

/** cryptsetup's limits for new keyslots (`man cryptsetup`, --pbkdf-memory and following). */
const PBKDF2_MIN_ITERATIONS = 1000;
const PBKDF2_MAX_ITERATIONS = 0x7fff_ffff;
const ARGON2_MIN_TIME = 4;
const ARGON2_MAX_TIME = 0xffff_ffff;
const ARGON2_MIN_MEMORY_KIB = 32;
const ARGON2_MAX_PARALLEL = 4;
const DEFAULT_MEMORY_KIB = 1024 * 1024;
const DEFAULT_TIME_MS = 2000;

/** PBKDF2 is measured over at least this time, for the clock and the caches to settle. */
const PBKDF2_SAMPLE_MS = 500;

/**
 * Chooses the costs of a KDF for this machine: those given, or such that one derivation takes the time
 * asked for, with memory raised first and passes after it.
 *
 * @param keyLength bytes that will be derived: PBKDF2 costs as many times more as its hash fits into it
 * @throws TscryptError INVALID_ARGUMENT when the request is outside cryptsetup's limits; NOT_SUPPORTED (hash)
 */
export async function benchmarkPbkdf(request: PbkdfRequest, keyLength = 32): Promise<Pbkdf> {
  const { type, iterTimeMs = DEFAULT_TIME_MS, forceIterations } = request;
  checkRange('iterTimeMs', iterTimeMs, 1, 0xffff_ffff);
  if (type === 'pbkdf2') {
    const hash = request.hash ?? 'sha256';
    hashSize(hash);
    if (forceIterations !== undefined) {
      checkRange('forceIterations', forceIterations, PBKDF2_MIN_ITERATIONS, PBKDF2_MAX_ITERATIONS);
      return { type, hash, iterations: forceIterations };
    }
    const speed = await pbkdf2Speed(hash, keyLength);
    const iterations = Math.floor((speed * iterTimeMs) / 1000);
    return { type, hash, iterations: clamp(iterations, PBKDF2_MIN_ITERATIONS, PBKDF2_MAX_ITERATIONS) };
  }
  const limits = argon2Limits(request);
  if (forceIterations !== undefined) {
    checkRange('forceIterations', forceIterations, ARGON2_MIN_TIME, ARGON2_MAX_TIME);
    return { type, time: forceIterations, memory: limits.maxMemory, cpus: limits.cpus };
  }
  return calibrateArgon2(type, limits, iterTimeMs, (parameters) => argon2Time(parameters, keyLength));
}

/** The request's limits, cut to what this machine has. */
function argon2Limits({
  memoryKib = DEFAULT_MEMORY_KIB,
  parallel = ARGON2_MAX_PARALLEL,
}: PbkdfRequest): Argon2Limits {
  checkRange('memoryKib', memoryKib, ARGON2_MIN_MEMORY_KIB, ARGON2_MAX_MEMORY_KIB);
  checkRange('parallel', parallel, 1, ARGON2_MAX_PARALLEL);
  const half = Math.floor(usableMemory() / 2 / KIB);
  return {
    minTime: ARGON2_MIN_TIME,
    maxTime: ARGON2_MAX_TIME,
    minMemory: ARGON2_MIN_MEMORY_KIB,
    maxMemory: Math.max(ARGON2_MIN_MEMORY_KIB, Math.min(memoryKib, half)),
    cpus: Math.min(parallel, availableParallelism()),
  };
}

/** Bytes of memory of the machine or, when that is less, of the control group. */
function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit !== undefined && limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * PBKDF2 iterations a second when deriving `keyLength` bytes.
 *
 * @throws TscryptError NOT_SUPPORTED
 */
export async function pbkdf2Speed(hash: string, keyLength = 32): Promise<number> {
  for (let iterations = 1 << 15; ; ) {
    const ms = await time({ type: 'pbkdf2', hash, iterations }, keyLength);
    if (ms >= PBKDF2_SAMPLE_MS || iterations === PBKDF2_MAX_ITERATIONS) return (iterations / ms) * 1000;
    const factor = clamp((1.1 * PBKDF2_SAMPLE_MS) / ms, 2, 16);
    iterations = Math.min(Math.ceil(iterations * factor), PBKDF2_MAX_ITERATIONS);
  }
}

/** Milliseconds on the clock: Argon2's threads run side by side, so processor time would be too much. */
async function argon2Time(parameters: Argon2Parameters, keyLength: number): Promise<number> {
  const start = performance.now();
  await deriveSample(parameters, keyLength);
  return performance.now() - start;
}

/** Milliseconds of processor time, so that other programs do not make for cheaper keyslots. */
async function time(pbkdf: Pbkdf, keyLength: number): Promise<number> {
  const start = performance.now();
  const startCpu = process.cpuUsage();
  await deriveSample(pbkdf, keyLength);
  // This process' other threads count as well: never believe more than the clock.
  return Math.min(process.cpuUsage(startCpu).user / 1000, performance.now() - start) || 1;
}

async function deriveSample(pbkdf: Pbkdf, keyLength: number): Promise<void> {
  const password = new Uint8Array(8).fill(0x66);
  const salt = new Uint8Array(16).fill(0x30);
  (await derive(pbkdf, password, salt, keyLength)).dispose();
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

function checkRange(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new TscryptError('INVALID_ARGUMENT', `PBKDF ${field} must be ${min} to ${max}, not ${value}.`, {
      details: { field, found: value, expected: [min, max] },
    });
  }
}
