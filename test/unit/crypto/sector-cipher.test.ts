import { describe, expect, it } from 'vitest';
import {
  type CryptoEngine,
  createSectorCipher,
  cryptoEngines,
  useCryptoEngine,
  validKeySizes,
} from '../../../src/crypto/index.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i & 0xff);

describe('createSectorCipher', () => {
  it.each([
    'serpent-xts-plain64',
    'aes-lrw-benbi',
    'aes-cbc-elephant',
    'aes-cbc-tcw',
    'aes:64-cbc-lmk',
    'aes-xts-random',
    'aes-xts-nonsense',
    'cipher_null-cbc-plain',
    'constructor-xts-plain64',
    'aes-constructor-plain64',
    'aes-cbc-essiv:whirlpool',
    'capi:rfc7539(chacha20,poly1305)-random',
    'capi:gcm(aes)-random',
  ])('has no %s and says so', (spec) => {
    const key = new Uint8Array(spec.startsWith('aes:64') ? 64 * 16 : spec.includes('xts') ? 64 : 32);
    expect(() => createSectorCipher({ spec, key, sectorSize: 512 })).toThrowError(code('NOT_SUPPORTED'));
  });

  it('names the IV mode that it does not have', () => {
    expect(() =>
      createSectorCipher({ spec: 'aes-cbc-tcw', key: new Uint8Array(64), sectorSize: 512 }),
    ).toThrowError(expect.objectContaining({ details: { ivMode: 'tcw' } }));
  });

  it.each([0, 16, 31, 33, 63, 65, 128])('aes-xts takes no key of %i bytes', (length) => {
    expect(() =>
      createSectorCipher({ spec: 'aes-xts-plain64', key: new Uint8Array(length), sectorSize: 512 }),
    ).toThrowError(code('INVALID_ARGUMENT'));
  });

  it.each([0, 256, 511, 513, 1536, 8192, Number.NaN])('takes no sectors of %d bytes', (sectorSize) => {
    expect(() =>
      createSectorCipher({ spec: 'aes-xts-plain64', key: new Uint8Array(64), sectorSize }),
    ).toThrowError(code('INVALID_ARGUMENT'));
  });

  it('puts an engine that is registered before the others, and passes over one that declines', () => {
    const asked: string[] = [];
    const engine: CryptoEngine = {
      name: 'test',
      create(request) {
        asked.push(request.spec.mode);
        if (request.spec.mode !== 'ctr') return undefined;
        return { sectorSize: 512, encrypt: () => {}, decrypt: () => {}, dispose: () => {} };
      },
    };
    const remove = useCryptoEngine(engine);
    expect(cryptoEngines()[0]).toBe(engine);
    const data = counting(512);
    createSectorCipher({ spec: 'aes-ctr-plain64', key: counting(32), sectorSize: 512 }).encrypt(data, 0);
    expect(data).toEqual(counting(512));
    createSectorCipher({ spec: 'aes-xts-plain64', key: counting(32), sectorSize: 512 }).encrypt(data, 0);
    expect(data).not.toEqual(counting(512));
    expect(asked).toEqual(['ctr', 'xts']);
    remove();
    remove();
    createSectorCipher({ spec: 'aes-ctr-plain64', key: counting(32), sectorSize: 512 }).encrypt(data, 0);
    expect(asked).toEqual(['ctr', 'xts']);
    expect(cryptoEngines().length).toBe(1);
  });
});

describe('validKeySizes', () => {
  it.each([
    ['aes-xts-plain64', [32, 48, 64]],
    ['aes-cbc-essiv:sha256', [16, 24, 32]],
    ['aes:4-cbc-plain64', [64, 96, 128]],
    ['aes:2-xts-plain64', [64, 96, 128]],
    ['sm4-xts-plain64', [32]],
    ['camellia-xts-plain64', [32, 48, 64]],
    ['cipher_null-ecb', [0]],
  ])('%s: %j', (spec, sizes) => {
    expect(validKeySizes(spec)).toEqual(sizes);
  });
});

describe('a sector cipher', () => {
  const cipher = () => createSectorCipher({ spec: 'aes-xts-plain64', key: counting(64), sectorSize: 1024 });

  it.each([512, 1023, 1536, 1])('takes whole encryption sectors, not %i bytes', (length) => {
    const data = counting(length);
    expect(() => cipher().encrypt(data, 0)).toThrowError(code('INVALID_ARGUMENT'));
    expect(data).toEqual(counting(length));
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53 - 1, Number.POSITIVE_INFINITY])('takes no sector %d', (sector) => {
    expect(() => cipher().decrypt(counting(1024), sector)).toThrowError(code('INVALID_ARGUMENT'));
  });

  it('does nothing to nothing', () => {
    expect(() => cipher().encrypt(new Uint8Array(0), 0)).not.toThrow();
  });

  it.each(['aes-xts-plain64', 'aes-cbc-essiv:sha256', 'aes-ctr-plain64', 'aes-ecb', 'aes:2-cbc-plain'])(
    '%s does not work after it was disposed of, and can be disposed of again',
    (spec) => {
      const key = counting(Math.max(...validKeySizes(spec)));
      const disposed = createSectorCipher({ spec, key, sectorSize: 512 });
      disposed.encrypt(counting(512), 0);
      disposed.dispose();
      disposed.dispose();
      expect(() => disposed.encrypt(counting(512), 0)).toThrowError(code('INTERNAL'));
      expect(() => disposed.decrypt(counting(512), 0)).toThrowError(code('INTERNAL'));
    },
  );

  it('keeps its key when the caller zeroes his, and does not change it', () => {
    const key = counting(64);
    const first = createSectorCipher({ spec: 'aes-xts-plain64', key, sectorSize: 512 });
    expect(key).toEqual(counting(64));
    key.fill(0);
    const data = counting(512);
    first.encrypt(data, 3);
    createSectorCipher({ spec: 'aes-xts-plain64', key: counting(64), sectorSize: 512 }).decrypt(data, 3);
    expect(data).toEqual(counting(512));
  });

  it('shares scratch memory with others without mixing anything up', () => {
    const xts = cipher();
    const cbc = createSectorCipher({ spec: 'aes-cbc-essiv:sha256', key: counting(32), sectorSize: 512 });
    const a = counting(8192);
    const b = counting(8192);
    xts.encrypt(a, 0);
    cbc.encrypt(b, 0);
    xts.decrypt(a, 0);
    cbc.decrypt(b, 0);
    expect(a).toEqual(counting(8192));
    expect(b).toEqual(counting(8192));
  });
});
