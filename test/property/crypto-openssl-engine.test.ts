import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arena } from '../../src/arena.ts';
import { nodeEngine } from '../../src/crypto/engines/node/engine.ts';
import { createOpensslEngine } from '../../src/crypto/engines/openssl/engine.ts';
import { parseCipherSpec } from '../../src/crypto/index.ts';
import { libcrypto } from '../suites/libcrypto.ts';

const IVS: Readonly<Record<string, readonly string[]>> = {
  xts: ['plain', 'plain64', 'plain64be', 'null', 'benbi'],
  cbc: ['plain', 'plain64', 'plain64be', 'null', 'benbi', 'essiv:sha256', 'essiv:md5', 'eboiv'],
  ctr: ['plain', 'plain64', 'plain64be', 'null', 'benbi', 'essiv:sha256'],
};
const SPECS = Object.entries(IVS).flatMap(([mode, ivs]) => ivs.map((iv) => `aes-${mode}-${iv}`));

function bytes(length: number, seed: number): Uint8Array {
  const result = new Uint8Array(length);
  for (let i = 0, state = seed | 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    result[i] = state >>> 24;
  }
  return result;
}

describe.skipIf(!libcrypto)('the engine over OpenSSL agrees with the portable one', () => {
  const engine = libcrypto && createOpensslEngine(libcrypto);

  it.each([...SPECS, 'aes-ecb'])('%s', (text) => {
    const spec = parseCipherSpec(text);
    const property = fc.property(
      fc.record({
        keySize: fc.constantFrom(16, 24, 32),
        sectorSize: fc.constantFrom(512, 1024, 2048, 4096),
        largeSectorIv: fc.boolean(),
        count: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 30, max: 300 })),
        sector: fc.oneof(
          fc.nat(1000),
          fc.integer({ min: 0xffff_ffff - 300, max: 0x1_0000_0000 + 300 }),
          fc.integer({ min: 2 ** 53 - 9000, max: 2 ** 53 - 2500 }),
        ),
        inArena: fc.boolean(),
        skew: fc.nat(15),
        seed: fc.nat(),
      }),
      ({ keySize, sectorSize, largeSectorIv, count, sector, inArena, skew, seed }) => {
        const key = bytes(keySize * (spec.mode === 'xts' ? 2 : 1), seed);
        const request = { spec, key, sectorSize, largeSectorIv };
        const fast = engine?.create(request);
        const portable = nodeEngine.create(request);
        if (!fast || !portable) throw new Error('an engine has no such cipher');
        const length = count * sectorSize;
        const block = inArena ? arena()?.take(length + 16) : undefined;
        const data = (block ?? new Uint8Array(length + 16)).subarray(skew, skew + length);
        const plaintext = bytes(length, seed + 1);
        const ciphertext = plaintext.slice();
        portable.encrypt(ciphertext, sector);
        try {
          data.set(plaintext);
          fast.encrypt(data, sector);
          expect(Buffer.compare(data, ciphertext)).toBe(0);
          fast.decrypt(data, sector);
          expect(Buffer.compare(data, plaintext)).toBe(0);
        } finally {
          fast.dispose();
          portable.dispose();
          if (block) arena()?.give(block);
        }
      },
    );
    fc.assert(property, { numRuns: 20 });
  });
});
