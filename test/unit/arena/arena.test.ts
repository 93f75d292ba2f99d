import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../../src/arena.ts';

const SIZE = 64 * 1024 * 1024;

describe('the arena', () => {
  it('gives page-aligned buffers that do not overlap, and takes all of them back', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 * 1024 * 1024 }), { maxLength: 60 }), (lengths) => {
        const arena = new Arena(SIZE);
        const taken = lengths.flatMap((length) => arena.take(length) ?? []);
        taken.forEach((bytes, i) => {
          expect(bytes.byteOffset % 4096).toBe(0);
          expect(arena.holds(bytes)).toBe(true);
          bytes.fill(i + 1);
        });
        for (const [i, bytes] of taken.entries()) expect(bytes.every((byte) => byte === i + 1)).toBe(true);
        for (const bytes of taken) arena.give(bytes);
        // Nothing is lost to fragments: all of it can be had again in the largest blocks.
        expect(arena.take(SIZE / 2)).toBeDefined();
        expect(arena.take(SIZE / 2)).toBeDefined();
        expect(arena.take(1)).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it('says no rather than give more than it has', () => {
    expect(new Arena(SIZE).take(SIZE / 2 + 1)).toBeUndefined();
  });

  it('refuses what it did not give', () => {
    const arena = new Arena(SIZE);
    const bytes = arena.take(4096);
    if (!bytes) throw new Error('no room');
    arena.give(bytes);
    expect(() => arena.give(bytes)).toThrow('not a buffer of this arena');
    expect(() => arena.give(new Uint8Array(1))).toThrow('not a buffer of this arena');
  });
});
