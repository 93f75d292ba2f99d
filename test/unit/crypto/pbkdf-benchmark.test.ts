import { availableParallelism, totalmem } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrateArgon2 } from '../../../src/crypto/argon2-calibration.ts';
import {
  type Argon2Parameters,
  benchmarkCipher,
  benchmarkPbkdf,
  pbkdf2Speed,
} from '../../../src/crypto/index.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const GIB_KIB = 1024 * 1024;
const limits = { minTime: 4, maxTime: 0xffff_ffff, minMemory: 32, maxMemory: GIB_KIB, cpus: 4 };

/** A machine that takes `msPerMib` for each MiB and pass, and some time to start. */
function machine(msPerMib: number, startMs = 0.2) {
  const measured: Argon2Parameters[] = [];
  const time = ({ memory, time: passes }: Argon2Parameters) => startMs + (memory / 1024) * passes * msPerMib;
  const measure = async (parameters: Argon2Parameters) => {
    measured.push(parameters);
    return time(parameters);
  };
  return { measure, time, measured };
}

describe('calibrateArgon2', () => {
  it.each([
    ['a usual machine', 0.6, 2000],
    ['a slow board', 8, 2000],
    ['a short time', 0.6, 100],
    ['a machine that only fits with more passes', 0.05, 2000],
    ['a long time', 0.6, 20_000],
  ])('comes close to the target: %s', async (_name, msPerMib, target) => {
    const { measure, time, measured } = machine(msPerMib);
    const chosen = await calibrateArgon2('argon2id', limits, target, measure);
    expect(time(chosen) / target).toBeGreaterThanOrEqual(0.9);
    expect(time(chosen) / target).toBeLessThanOrEqual(1.15);
    expect(chosen).toMatchObject({ type: 'argon2id', cpus: 4 });
    expect(measured.length).toBeLessThanOrEqual(10);
    // Memory first: more than the fewest passes only with all of the memory.
    expect(chosen.time === 4 || chosen.memory === GIB_KIB).toBe(true);
  });

  it('goes no lower than the least costs, however slow the machine', async () => {
    const { measure } = machine(10_000);
    expect(await calibrateArgon2('argon2i', limits, 100, measure)).toEqual({
      type: 'argon2i',
      time: 4,
      memory: 32,
      cpus: 4,
    });
  });

  it('stays inside a small memory, from the first measurement on', async () => {
    const { measure, measured } = machine(0.6);
    const chosen = await calibrateArgon2('argon2id', { ...limits, maxMemory: 20_000 }, 2000, measure);
    expect(chosen.memory).toBe(20_000);
    expect(chosen.time).toBeGreaterThan(4);
    expect(measured.every(({ memory }) => memory <= 20_000)).toBe(true);
  });

  it('keeps every limit on every machine, and comes close wherever the limits allow it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.01, max: 50, noNaN: true }),
        fc.integer({ min: 32, max: 4 * GIB_KIB }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 50, max: 20_000 }),
        async (msPerMib, maxMemory, cpus, target) => {
          const { measure, time, measured } = machine(msPerMib);
          const chosen = await calibrateArgon2('argon2id', { ...limits, maxMemory, cpus }, target, measure);
          for (const { memory, time: passes } of [...measured, chosen]) {
            expect(memory).toBeLessThanOrEqual(maxMemory);
            expect(memory).toBeGreaterThanOrEqual(32);
            expect(passes).toBeGreaterThanOrEqual(4);
            expect(passes === 4 || memory === maxMemory).toBe(true);
          }
          const least = time({ ...chosen, time: 4, memory: 32 });
          const coarse = time({ ...chosen, time: 1, memory: maxMemory });
          if (least < target && coarse < target / 20 && chosen.memory * 4 > 1000) {
            expect(time(chosen) / target).toBeGreaterThan(0.5);
            expect(time(chosen) / target).toBeLessThan(1.2);
          }
        },
      ),
    );
  });

  it('is not misled by other programs, and does not search for long', async () => {
    const quiet = machine(0.6);
    const slowdowns = [3, 1, 5, 2, 4, 6, 2, 3, 5, 2];
    const { measured, measure } = quiet;
    const chosen = await calibrateArgon2('argon2id', limits, 2000, async (parameters) => {
      const slowdown = slowdowns[measured.length] ?? 1;
      return (await measure(parameters)) * slowdown;
    });
    // The second measurement was undisturbed: what comes out is what it says, within the margins.
    expect(quiet.time(chosen) / 2000).toBeGreaterThan(0.4);
    expect(quiet.time(chosen) / 2000).toBeLessThan(1.15);
    expect(measured.length).toBeLessThanOrEqual(8);
  });

  it('does not take a small memory in the caches for the speed of a large one', async () => {
    const time = ({ memory, time: passes }: Argon2Parameters) =>
      (memory / 1024) * passes * (memory <= 100 * 1024 ? 0.1 : 0.6);
    const chosen = await calibrateArgon2('argon2id', limits, 2000, async (parameters) => time(parameters));
    expect(time(chosen) / 2000).toBeGreaterThan(0.9);
    expect(time(chosen) / 2000).toBeLessThan(1.15);
  });

  it('ends on a machine whose clock stands still or jumps', async () => {
    let call = 0;
    const jumping = await calibrateArgon2('argon2id', limits, 2000, async () => (call++ % 2 ? 1e9 : 0));
    expect(jumping.memory).toBeLessThanOrEqual(GIB_KIB);
    const standing = await calibrateArgon2('argon2id', limits, 2000, async () => 0);
    expect(standing.time).toBeGreaterThanOrEqual(4);
  });
});

describe('benchmarkPbkdf', () => {
  it('measures PBKDF2', async () => {
    const speed = await pbkdf2Speed('sha256');
    expect(speed).toBeGreaterThan(1000);
    const chosen = await benchmarkPbkdf({ type: 'pbkdf2', hash: 'sha1', iterTimeMs: 100 });
    expect(chosen).toMatchObject({ type: 'pbkdf2', hash: 'sha1' });
    expect(chosen.type === 'pbkdf2' && chosen.iterations).toBeGreaterThanOrEqual(1000);
  });

  it('measures Argon2 within the memory and threads given', async () => {
    const chosen = await benchmarkPbkdf({ type: 'argon2id', iterTimeMs: 20, memoryKib: 4096, parallel: 2 });
    expect(chosen).toMatchObject({ type: 'argon2id', cpus: Math.min(2, availableParallelism()) });
    expect(chosen.type === 'argon2id' && chosen.memory).toBeLessThanOrEqual(4096);
    expect(chosen.type === 'argon2id' && chosen.time).toBeGreaterThanOrEqual(4);
  });

  it('measures nothing when the iterations are given', async () => {
    expect(await benchmarkPbkdf({ type: 'pbkdf2', forceIterations: 1000 })).toEqual({
      type: 'pbkdf2',
      hash: 'sha256',
      iterations: 1000,
    });
    expect(await benchmarkPbkdf({ type: 'argon2i', forceIterations: 4, memoryKib: 32, parallel: 1 })).toEqual(
      {
        type: 'argon2i',
        time: 4,
        memory: 32,
        cpus: 1,
      },
    );
  });

  it('never takes more than half of the memory', async () => {
    const chosen = await benchmarkPbkdf({ type: 'argon2id', forceIterations: 4, memoryKib: 4 * GIB_KIB });
    expect(chosen.type === 'argon2id' && chosen.memory * 1024).toBeLessThanOrEqual(totalmem() / 2);
  });

  it.each([
    [{ type: 'pbkdf2', forceIterations: 999 }, 'INVALID_ARGUMENT'],
    [{ type: 'argon2id', forceIterations: 3 }, 'INVALID_ARGUMENT'],
    [{ type: 'argon2id', memoryKib: 31 }, 'INVALID_ARGUMENT'],
    [{ type: 'argon2id', memoryKib: 4 * GIB_KIB + 1 }, 'INVALID_ARGUMENT'],
    [{ type: 'argon2id', parallel: 5 }, 'INVALID_ARGUMENT'],
    [{ type: 'argon2id', parallel: 0 }, 'INVALID_ARGUMENT'],
    [{ type: 'pbkdf2', iterTimeMs: 0 }, 'INVALID_ARGUMENT'],
    [{ type: 'pbkdf2', hash: 'whirlpool', forceIterations: 1000 }, 'NOT_SUPPORTED'],
  ] as const)('refuses %j', async (request, expected) => {
    await expect(benchmarkPbkdf(request)).rejects.toThrowError(code(expected));
  });
});

describe('benchmarkCipher', () => {
  it('measures both directions', () => {
    const speed = benchmarkCipher({
      spec: 'aes-xts-plain64',
      keySize: 64,
      requestSize: 65_536,
      durationMs: 10,
    });
    expect(speed.encryption).toBeGreaterThan(1);
    expect(speed.decryption).toBeGreaterThan(1);
  });

  it('refuses what there is not', () => {
    expect(() => benchmarkCipher({ spec: 'serpent-xts-plain64', keySize: 64 })).toThrowError(
      code('NOT_SUPPORTED'),
    );
  });
});
