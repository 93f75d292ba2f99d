import { createCipheriv } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { bindOpenssl, type Openssl } from '../../../src/crypto/engines/openssl/openssl.ts';
import { choiceFor } from '../../../src/crypto/engines/openssl/xts.ts';
import { xtsMethods } from '../../../src/crypto/engines/openssl/xts-methods.ts';
import { libcrypto } from '../../suites/libcrypto.ts';

const bytes = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 0x9e37_79b1) >>> 24);

describe.skipIf(!libcrypto).each(['evp', 'hand', 'delta'] as const)('XTS by the method %s', (method) => {
  const openssl = libcrypto && (bindOpenssl(libcrypto) as Openssl);
  const block = openssl?.area.arena.take(128 * 1024);
  afterAll(() => {
    if (block) openssl?.area.arena.give(block);
  });

  describe.each([32, 64])('with a key of %i bytes', (keySize) => {
    it.each([512, 1024, 2048, 4096])(
      'is OpenSSL’s own, sector by sector, for sectors of %i bytes',
      (size) => {
        if (!openssl || !block) throw new Error('no arena');
        const key = bytes(keySize, 1);
        const mode = xtsMethods.get(method)?.(openssl, { cipher: 'aes', key, sectorSize: size });
        if (!mode) throw new Error('not to be had');
        for (const sectors of [1, 2, 3, 4, 5, 8, 16, mode.pieceSize / size]) {
          // Any IVs: those that fill all their bits, too.
          const ivs = bytes(sectors * 16, 2);
          if (sectors > 2) ivs.fill(0xff, 16, 32);
          const plaintext = bytes(sectors * size, 3);
          const ciphertext = Buffer.concat(
            Array.from({ length: sectors }, (_, i) =>
              createCipheriv(`aes-${keySize * 4}-xts`, key, ivs.subarray(i * 16, i * 16 + 16)).update(
                plaintext.subarray(i * size, (i + 1) * size),
              ),
            ),
          );
          const data = block.subarray(0, plaintext.length);
          data.set(plaintext);
          openssl.area.ivs.bytes.set(ivs);
          mode.encrypt(data.byteOffset, sectors);
          expect(Buffer.compare(data, ciphertext)).toBe(0);
          openssl.area.ivs.bytes.set(ivs);
          mode.decrypt(data.byteOffset, sectors);
          expect(Buffer.compare(data, plaintext)).toBe(0);
        }
        mode.dispose();
      },
    );
  });

  it('is to be had with equal halves of the key, or refused, but never wrong', () => {
    if (!openssl || !block) throw new Error('no arena');
    const key = new Uint8Array(64).fill(7);
    const mode = xtsMethods.get(method)?.(openssl, { cipher: 'aes', key, sectorSize: 512 });
    expect(mode !== undefined).toBe(method === 'hand');
    mode?.dispose();
  });
});

describe.skipIf(!libcrypto)('the choice between the methods', () => {
  it('is made once for a cipher, key size and sector size, whatever the key', () => {
    const openssl = libcrypto && (bindOpenssl(libcrypto) as Openssl);
    if (!openssl) throw new Error('no OpenSSL');
    const request = { cipher: 'aes', key: bytes(64, 1), sectorSize: 2048 };
    const choice = choiceFor(openssl, request);
    expect(choiceFor(openssl, { ...request, key: bytes(64, 2) })).toBe(choice);
    expect(choice?.right).toContain(choice?.short);
    expect(choice?.right).toContain(choice?.long);
    expect(choiceFor(openssl, { ...request, sectorSize: 512 })).not.toBe(choice);
  });

  it('falls on what does not need XTS where OpenSSL has none, or another XTS than IEEE’s', () => {
    const openssl = libcrypto && (bindOpenssl(libcrypto) as Openssl);
    if (!openssl) throw new Error('no OpenSSL');
    for (const [cipher, size] of [
      ['aes', 48],
      ['camellia', 64],
      ['sm4', 32],
    ] as const) {
      const choice = choiceFor(openssl, { cipher, key: bytes(size, 1), sectorSize: 512 });
      expect(choice).toEqual({ short: 'hand', long: 'hand', right: ['hand'] });
    }
  });
});
