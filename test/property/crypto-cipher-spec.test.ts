import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CipherSpec,
  createSectorCipher,
  formatCipherSpec,
  parseCipherSpec,
} from '../../src/crypto/index.ts';
import { TscryptError } from '../../src/errors.ts';

const names = fc.constantFrom('aes', 'serpent', 'cipher_null', 'xchacha12,aes', 'des3_ede');
const ivs = fc.record({
  iv: fc.constantFrom('plain64', 'essiv', 'null', 'random'),
  ivOptions: fc.option(fc.constantFrom('sha256', 'sha3-256'), { nil: undefined }),
});
const specs: fc.Arbitrary<CipherSpec> = fc
  .record({
    cipher: names,
    mode: fc.constantFrom('xts', 'cbc', 'ecb', 'adiantum'),
    keys: fc.nat(6),
    capi: fc.boolean(),
  })
  .chain(({ cipher, mode, keys, capi }) =>
    ivs.map(({ iv, ivOptions }) => ({
      cipher,
      mode,
      keyCount: capi ? 1 : 2 ** keys,
      iv,
      ivOptions: iv === 'essiv' ? (ivOptions ?? 'sha1') : ivOptions,
      capi,
    })),
  );

/** Text that is nearly a specification. */
const nearly = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'aesxtcb-:()1264,_plain capi:'), maxLength: 40, size: 'max' }),
  specs
    .map(formatCipherSpec)
    .chain((text) =>
      fc
        .tuple(fc.nat(text.length), fc.string({ maxLength: 3 }))
        .map(([at, more]) => text.slice(0, at) + more + text.slice(at)),
    ),
  fc.string({ maxLength: 5000, size: 'max' }),
  fc.integer({ min: 200, max: 2_000_000 }).map((length) => `capi:${'a'.repeat(length)}`),
);

describe('cipher specifications', () => {
  it('survive printing and parsing', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        expect(parseCipherSpec(formatCipherSpec(spec))).toEqual(spec);
      }),
    );
  });

  it('are parsed, or refused with the project’s own error', () => {
    fc.assert(
      fc.property(nearly, (text) => {
        try {
          const spec = parseCipherSpec(text);
          expect(parseCipherSpec(formatCipherSpec(spec))).toEqual({ ...spec });
        } catch (error) {
          expect(error).toBeInstanceOf(TscryptError);
          expect(['INVALID_ARGUMENT', 'NOT_SUPPORTED']).toContain((error as TscryptError).code);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('make a cipher, or are refused with the project’s own error', () => {
    fc.assert(
      fc.property(specs, fc.constantFrom(0, 16, 32, 64, 128, 1024), (spec, size) => {
        try {
          createSectorCipher({ spec, key: new Uint8Array(size), sectorSize: 512 }).dispose();
        } catch (error) {
          expect(error).toBeInstanceOf(TscryptError);
          expect(['INVALID_ARGUMENT', 'NOT_SUPPORTED']).toContain((error as TscryptError).code);
        }
      }),
      { numRuns: 200 },
    );
  });
});
