import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSectorCipher } from '../../src/crypto/index.ts';
import { type NaiveCipher, naiveDecrypt, naiveEncrypt } from '../models/naive-sector-cipher.ts';

const MODES: readonly (readonly [NaiveCipher['mode'], readonly string[]])[] = [
  ['xts', ['plain', 'plain64', 'plain64be', 'null', 'benbi']],
  ['cbc', ['plain', 'plain64', 'plain64be', 'null', 'benbi', 'essiv:sha256', 'essiv:md5', 'eboiv']],
  ['ctr', ['plain', 'plain64', 'plain64be', 'null', 'benbi', 'essiv:sha256']],
];
const COMBINATIONS = MODES.flatMap(([mode, ivs]) =>
  ivs.map((iv) => ({ spec: `aes-${mode}-${iv}`, mode, iv })),
);

const sectorSizes = fc.constantFrom(512, 1024, 2048, 4096);
/** Small numbers, numbers around 2^32, and numbers near what a number can count. */
const sectors = fc.oneof(
  fc.nat(1000),
  fc.integer({ min: 0xffff_ffff - 300, max: 0x1_0000_0000 + 300 }),
  fc.integer({ min: 2 ** 52 - 1000, max: 2 ** 52 + 1000 }),
  fc.integer({ min: 2 ** 53 - 9000, max: 2 ** 53 - 2500 }),
);

function bytes(length: number, seed: number): Uint8Array {
  const result = new Uint8Array(length);
  for (let i = 0, state = seed | 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    result[i] = state >>> 24;
  }
  return result;
}

describe('sector ciphers agree with the naive model', () => {
  it.each(COMBINATIONS)('$spec', ({ mode, iv }) => {
    const property = fc.property(
      fc.record({
        keySize: fc.constantFrom(16, 24, 32),
        keyCount: fc.constantFrom(1, 1, 1, 2, 4),
        sectorSize: sectorSizes,
        largeSectorIv: fc.boolean(),
        count: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 30, max: 70 })),
        sector: sectors,
        seed: fc.nat(),
        skew: fc.nat(15),
      }),
      ({ keySize, keyCount, sectorSize, largeSectorIv, count, sector, seed, skew }) => {
        const key = bytes(keySize * (mode === 'xts' ? 2 : 1) * keyCount, seed);
        const model = { mode, iv, key, keyCount, sectorSize, largeSectorIv };
        const spec = `aes${keyCount === 1 ? '' : `:${keyCount}`}-${mode}-${iv}`;
        const cipher = createSectorCipher({ spec, key, sectorSize, largeSectorIv });
        const length = count * sectorSize;
        const plaintext = bytes(length, seed + 1);
        // Somewhere inside a larger buffer, at any alignment, whose other bytes must stay.
        const buffer = new Uint8Array(length + 32).fill(0xa5);
        const data = buffer.subarray(skew, skew + length);
        data.set(plaintext);
        cipher.encrypt(data, sector);
        expect(Buffer.compare(data, naiveEncrypt(model, plaintext, sector))).toBe(0);
        cipher.decrypt(data, sector);
        expect(Buffer.compare(data, plaintext)).toBe(0);
        cipher.decrypt(data, sector);
        expect(Buffer.compare(data, naiveDecrypt(model, plaintext, sector))).toBe(0);
        expect(buffer.subarray(0, skew).every((byte) => byte === 0xa5)).toBe(true);
        expect(buffer.subarray(skew + length).every((byte) => byte === 0xa5)).toBe(true);
        cipher.dispose();
      },
    );
    fc.assert(property, { numRuns: 25 });
  });

  it('aes-ecb', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(16, 24, 32),
        sectorSizes,
        fc.integer({ min: 1, max: 70 }),
        fc.nat(),
        (size, sectorSize, count, seed) => {
          const key = bytes(size, seed);
          const plaintext = bytes(count * sectorSize, seed + 1);
          const data = plaintext.slice();
          const cipher = createSectorCipher({ spec: 'aes-ecb', key, sectorSize });
          cipher.encrypt(data, 7);
          expect(
            Buffer.compare(data, naiveEncrypt({ mode: 'ecb', iv: 'null', key, sectorSize }, plaintext, 7)),
          ).toBe(0);
          cipher.decrypt(data, 7);
          expect(Buffer.compare(data, plaintext)).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('sector ciphers agree with OpenSSL’s own modes, sector by sector', () => {
  it.each(['aes-128-xts', 'aes-256-xts', 'aes-256-cbc', 'camellia-256-cbc', 'aria-192-cbc', 'sm4-cbc'])(
    '%s',
    (openssl) => {
      const [name = '', bits, mode] = openssl === 'sm4-cbc' ? ['sm4', '128', 'cbc'] : openssl.split('-');
      const keySize = (Number(bits) / 8) * (mode === 'xts' ? 2 : 1);
      fc.assert(
        fc.property(
          sectorSizes,
          fc.integer({ min: 1, max: 300 }),
          sectors,
          fc.nat(),
          (sectorSize, count, sector, seed) => {
            const key = bytes(keySize, seed);
            const plaintext = bytes(count * sectorSize, seed + 1);
            const expected = Buffer.alloc(plaintext.length);
            for (
              let at = 0, now = BigInt(sector);
              at < plaintext.length;
              at += sectorSize, now += BigInt(sectorSize / 512)
            ) {
              const iv = Buffer.alloc(16);
              iv.writeBigUInt64LE(now);
              const cipher = createCipheriv(openssl, key, iv).setAutoPadding(false);
              cipher.update(plaintext.subarray(at, at + sectorSize)).copy(expected, at);
            }
            const data = plaintext.slice();
            const cipher = createSectorCipher({ spec: `${name}-${mode}-plain64`, key, sectorSize });
            cipher.encrypt(data, sector);
            expect(Buffer.compare(data, expected)).toBe(0);
            cipher.decrypt(data, sector);
            expect(Buffer.compare(data, plaintext)).toBe(0);
            cipher.dispose();
          },
        ),
        { numRuns: 25 },
      );
    },
  );
});

describe('a request gives the same bytes in one piece and in many', () => {
  it.each(['aes-xts-plain64', 'aes-cbc-essiv:sha256', 'aes-ctr-plain64', 'aes:4-cbc-plain64'])(
    '%s',
    (spec) => {
      const keySize = { 'aes-xts-plain64': 64, 'aes:4-cbc-plain64': 128 }[spec] ?? 32;
      fc.assert(
        fc.property(
          sectorSizes,
          fc.boolean(),
          fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6, size: 'max' }),
          fc.nat(),
          (sectorSize, largeSectorIv, counts, seed) => {
            const cipher = createSectorCipher({ spec, key: bytes(keySize, seed), sectorSize, largeSectorIv });
            const total = counts.reduce((sum, count) => sum + count, 0);
            const whole = bytes(total * sectorSize, seed + 1);
            const parts = whole.slice();
            cipher.encrypt(whole, 8);
            let at = 0;
            for (const count of counts) {
              cipher.encrypt(parts.subarray(at, at + count * sectorSize), 8 + at / 512);
              at += count * sectorSize;
            }
            expect(Buffer.compare(whole, parts)).toBe(0);
          },
        ),
        { numRuns: 25 },
      );
    },
  );
});
