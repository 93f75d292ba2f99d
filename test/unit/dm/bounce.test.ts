import { describe, expect, it } from 'vitest';
import { arena } from '../../../src/arena.ts';
import { type Bounce, BouncePool, PIECE_SIZE } from '../../../src/dm/targets/crypt/bounce.ts';
import { isSettled } from './support.ts';

function now(pool: BouncePool, length: number): Bounce {
  const bounce = pool.take(length);
  if (bounce instanceof Promise) throw new Error('it has to wait');
  return bounce;
}

describe('bounce buffers', () => {
  it('have the length asked for, and are kept for the next', () => {
    const pool = new BouncePool();
    for (const length of [512, 4096, 4608, 65536, PIECE_SIZE - 512, PIECE_SIZE]) {
      const first = now(pool, length);
      expect(first.data.length).toBe(length);
      const whole = first.whole;
      pool.give(first);
      const second = now(pool, length);
      expect(second.whole).toBe(whole);
      expect(second.data.length).toBe(length);
      pool.give(second);
    }
    expect(pool.total).toBe(4096 + 8192 + 65536 + PIECE_SIZE);
  });

  it('wait their turn when the budget is spent', async () => {
    const pool = new BouncePool(2 * PIECE_SIZE);
    const [one, two] = [now(pool, PIECE_SIZE), now(pool, PIECE_SIZE)];
    const order: string[] = [];
    const big = Promise.resolve(pool.take(PIECE_SIZE)).then((bounce) => {
      order.push('big');
      return bounce;
    });
    const small = Promise.resolve(pool.take(512)).then((bounce) => {
      order.push('small');
      return bounce;
    });
    expect(await isSettled(big)).toBe(false);
    pool.give(one);
    await big;
    expect(await isSettled(small)).toBe(false);
    pool.give(two);
    await small;
    expect(order).toEqual(['big', 'small']);
    expect(pool.total).toBeLessThanOrEqual(2 * PIECE_SIZE);
  });

  it('of one size give way to another when the budget is spent', () => {
    const pool = new BouncePool(PIECE_SIZE);
    for (const bounce of Array.from({ length: 64 }, () => now(pool, 4096))) pool.give(bounce);
    expect(pool.total).toBe(PIECE_SIZE);
    pool.give(now(pool, PIECE_SIZE));
    expect(pool.total).toBe(PIECE_SIZE);
    pool.give(now(pool, 8192));
    expect(pool.total).toBe(8192);
  });

  it('are the arena’s, and go back to it with the pool, also those that are in use', () => {
    const memory = arena();
    if (!memory) throw new Error('no arena');
    const pool = new BouncePool();
    const [kept, used] = [now(pool, PIECE_SIZE), now(pool, PIECE_SIZE)];
    expect(memory.holds(kept.whole) && memory.holds(used.whole)).toBe(true);
    pool.give(kept);
    pool.dispose();
    expect(() => memory.give(kept.whole)).toThrow();
    pool.give(used);
    expect(() => memory.give(used.whole)).toThrow();
    expect(pool.total).toBe(0);
  });

  it('are ordinary memory when the arena is full', () => {
    const memory = arena();
    if (!memory) throw new Error('no arena');
    const all: Uint8Array[] = [];
    for (let size = 32 << 20; size >= 4096; size /= 2) {
      for (let block = memory.take(size); block; block = memory.take(size)) all.push(block);
    }
    try {
      const pool = new BouncePool();
      const bounce = now(pool, 512);
      expect(memory.holds(bounce.whole)).toBe(false);
      pool.give(bounce);
      expect(now(pool, 4096).whole).toBe(bounce.whole);
      pool.dispose();
    } finally {
      for (const block of all) memory.give(block);
    }
  });
});
