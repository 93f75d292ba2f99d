import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afMerge, afSplit, randomFill } from '../../../src/crypto/index.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const HASHES = { sha1, sha256 } as const;

/** The LUKS1 specification's merge, written down once more from its pseudo-code. */
function naiveMerge(material: Uint8Array, size: number, stripes: number, hash: keyof typeof HASHES): Buffer {
  const digest = HASHES[hash];
  let state = Buffer.alloc(size);
  for (let stripe = 0; stripe < stripes; stripe++) {
    const part = material.slice(stripe * size, (stripe + 1) * size);
    state = Buffer.from(part.map((byte, i) => byte ^ (state[i] ?? 0)));
    if (stripe === stripes - 1) break;
    const chunks: Buffer[] = [];
    for (let i = 0; i * digest.outputLen < size; i++) {
      const number = Buffer.alloc(4);
      number.writeUInt32BE(i);
      const chunk = state.subarray(i * digest.outputLen, (i + 1) * digest.outputLen);
      chunks.push(Buffer.from(digest(Buffer.concat([number, chunk]))).subarray(0, chunk.length));
    }
    state = Buffer.concat(chunks);
  }
  return state;
}

describe('the AF splitter', () => {
  it('gives the key back, also to one who follows the specification', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 130, size: 'max' }),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom('sha1' as const, 'sha256' as const),
        (key, stripes, hash) => {
          const material = afSplit(key, stripes, hash);
          expect(material.length).toBe(key.length * stripes);
          expect(naiveMerge(material, key.length, stripes, hash)).toEqual(Buffer.from(key));
          const merged = afMerge(material, key.length, stripes, hash);
          expect(Buffer.from(merged.bytes)).toEqual(Buffer.from(key));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('does so with 4000 stripes, and ignores what stands behind them', () => {
    const key = randomFill(new Uint8Array(64));
    const material = Buffer.concat([afSplit(key, 4000, 'sha256'), Buffer.alloc(512, 1)]);
    expect(Buffer.from(afMerge(material, 64, 4000, 'sha256').bytes)).toEqual(Buffer.from(key));
  });

  it('loses the key with any one bit', () => {
    const key = randomFill(new Uint8Array(32));
    const material = afSplit(key, 50, 'sha256');
    for (const at of [0, 777, material.length - 1]) {
      const damaged = material.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(Buffer.from(afMerge(damaged, 32, 50, 'sha256').bytes)).not.toEqual(Buffer.from(key));
    }
  });

  it('is different every time', () => {
    const key = new Uint8Array(32);
    expect(afSplit(key, 2, 'sha256')).not.toEqual(afSplit(key, 2, 'sha256'));
  });

  it('refuses nonsense', () => {
    const key = new Uint8Array(32);
    expect(() => afSplit(key, 4000, 'whirlpool')).toThrowError(code('NOT_SUPPORTED'));
    expect(() => afSplit(key, 0, 'sha256')).toThrowError(code('INVALID_ARGUMENT'));
    expect(() => afSplit(key, 2.5, 'sha256')).toThrowError(code('INVALID_ARGUMENT'));
    expect(() => afSplit(key, 2 ** 40, 'sha256')).toThrowError(code('INVALID_ARGUMENT'));
    expect(() => afSplit(new Uint8Array(0), 4000, 'sha256')).toThrowError(code('INVALID_ARGUMENT'));
    expect(() => afMerge(new Uint8Array(63), 32, 2, 'sha256')).toThrowError(code('INVALID_ARGUMENT'));
    expect(() => afMerge(new Uint8Array(63), -1, 2, 'sha256')).toThrowError(code('INVALID_ARGUMENT'));
  });
});
