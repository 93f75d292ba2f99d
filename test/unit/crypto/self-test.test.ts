import { expect, it } from 'vitest';
import { nodeEngine } from '../../../src/crypto/engines/node/engine.ts';
import { selfTest } from '../../../src/crypto/engines/node/self-test.ts';
import type { SectorCipher, SectorCipherRequest } from '../../../src/crypto/index.ts';

const create = (request: SectorCipherRequest): SectorCipher => {
  const cipher = nodeEngine.create(request);
  if (!cipher) throw new Error('the portable engine has everything');
  return cipher;
};

it('passes on this machine', () => {
  expect(() => selfTest(create)).not.toThrow();
});

it.each(['xts', 'cbc', 'ctr'])('finds one wrong bit of %s, though decryption undoes it', (broken) => {
  const bend = (request: SectorCipherRequest): SectorCipher => {
    const cipher = create(request);
    if (request.spec.mode !== broken) return cipher;
    const flip = (data: Uint8Array) => {
      data[data.length - 1] = (data[data.length - 1] ?? 0) ^ 1;
    };
    return {
      ...cipher,
      encrypt(data, sector) {
        cipher.encrypt(data, sector);
        flip(data);
      },
      decrypt(data, sector) {
        flip(data);
        cipher.decrypt(data, sector);
      },
    };
  };
  expect(() => selfTest(bend)).toThrowError(expect.objectContaining({ code: 'INTERNAL' }));
});
