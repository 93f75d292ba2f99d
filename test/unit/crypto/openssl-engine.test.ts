import { afterEach, describe, expect, it } from 'vitest';
import { arena } from '../../../src/arena.ts';
import { nodeEngine } from '../../../src/crypto/engines/node/engine.ts';
import { createOpensslEngine } from '../../../src/crypto/engines/openssl/engine.ts';
import { bindOpenssl } from '../../../src/crypto/engines/openssl/openssl.ts';
import { choiceFor } from '../../../src/crypto/engines/openssl/xts.ts';
import {
  type CryptoEngine,
  createSectorCipher,
  cryptoEngines,
  parseCipherSpec,
  type SectorCipher,
  useOpensslEngine,
} from '../../../src/crypto/index.ts';
import { bent, libcrypto } from '../../suites/libcrypto.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 29 + (i >> 8)) & 0xff);

function create(engine: CryptoEngine | undefined, spec: string, key: Uint8Array, sectorSize = 512) {
  return engine?.create({ spec: parseCipherSpec(spec), key, sectorSize, largeSectorIv: false });
}

/** What the portable engine makes of data. */
function encrypted(spec: string, key: Uint8Array, data: Uint8Array, sector: number, sectorSize = 512) {
  const result = data.slice();
  create(nodeEngine, spec, key, sectorSize)?.encrypt(result, sector);
  return result;
}

const SPECS = ['aes-xts-plain64', 'aes-cbc-essiv:sha256', 'aes-ctr-plain64', 'aes-ecb'];

describe.skipIf(!libcrypto)('the engine over OpenSSL', () => {
  const engine = libcrypto && createOpensslEngine(libcrypto);
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  function taken(length: number): Buffer {
    const bytes = arena()?.take(length);
    if (!bytes) throw new Error('no arena');
    cleanups.push(() => arena()?.give(bytes));
    return bytes;
  }

  it.each([
    'aes-xts-plain64',
    'aes-cbc-essiv:sha256',
    'aes-cbc-eboiv',
    'aes-ctr-plain64',
    'aes-ecb',
    'camellia-xts-plain64',
    'camellia-cbc-benbi',
    'aria-xts-plain',
    'aria-ctr-plain64be',
    'sm4-xts-plain64',
    'sm4-cbc-null',
  ])('has %s, and gives what the portable engine gives', (spec) => {
    const key = counting((spec.startsWith('sm4') ? 16 : 32) * (spec.includes('xts') ? 2 : 1));
    for (const sectorSize of [512, 4096]) {
      const cipher = create(engine, spec, key, sectorSize);
      expect(cipher).toBeDefined();
      const plaintext = counting(23 * sectorSize);
      const data = taken(plaintext.length);
      data.set(plaintext);
      cipher?.encrypt(data, 2 ** 33);
      const expected = encrypted(spec, key, plaintext, 2 ** 33, sectorSize);
      expect(Buffer.compare(data, expected)).toBe(0);
      cipher?.decrypt(data, 2 ** 33);
      expect(Buffer.compare(data, plaintext)).toBe(0);
      cipher?.dispose();
    }
  });

  it('has AES-192 in XTS, which OpenSSL has not', () => {
    const key = counting(48);
    const data = counting(9 * 512);
    create(engine, 'aes-xts-plain64', key)?.encrypt(data, 4);
    expect(data).toEqual(encrypted('aes-xts-plain64', key, counting(9 * 512), 4));
  });

  it.each(['aes:2-cbc-plain64', 'cipher_null-ecb'])('leaves %s to the engines behind it', (spec) => {
    expect(create(engine, spec, new Uint8Array(spec.startsWith('aes') ? 64 : 0))).toBeUndefined();
  });

  it('takes equal halves of an XTS key, with which OpenSSL does not encrypt', () => {
    const key = Buffer.concat([counting(32), counting(32)]);
    for (const sectorSize of [512, 4096]) {
      const plaintext = counting(8 * sectorSize);
      const data = plaintext.slice();
      const cipher = create(engine, 'aes-xts-plain64', key, sectorSize);
      cipher?.encrypt(data, 8);
      expect(data).toEqual(encrypted('aes-xts-plain64', key, plaintext, 8, sectorSize));
      cipher?.decrypt(data, 8);
      expect(data).toEqual(plaintext);
    }
  });

  it.each(SPECS)(
    '%s changes nothing around the data, in the arena and elsewhere, at any alignment',
    (spec) => {
      const key = counting(spec.includes('xts') ? 64 : 32);
      const cipher = create(engine, spec, key) as SectorCipher;
      for (const memory of [taken(300 * 1024), new Uint8Array(300 * 1024)]) {
        // More than one piece of every method, and a rest that is a single sector.
        for (const [skew, length] of [
          [0, 512],
          [7, 4096],
          [1, 257 * 1024 + 512],
        ] as const) {
          memory.fill(0xa5);
          const data = memory.subarray(skew, skew + length);
          data.set(counting(length));
          cipher.encrypt(data, 77);
          expect(Buffer.compare(data, encrypted(spec, key, counting(length), 77))).toBe(0);
          cipher.decrypt(data, 77);
          expect(Buffer.compare(data, counting(length))).toBe(0);
          expect(memory.subarray(0, skew).every((byte) => byte === 0xa5)).toBe(true);
          expect(memory.subarray(skew + length).every((byte) => byte === 0xa5)).toBe(true);
        }
      }
      cipher.dispose();
    },
  );

  it.each(SPECS)('%s does not work after it was disposed of, and frees its contexts once', (spec) => {
    let made = 0;
    const freed: number[] = [];
    const counted = bent({
      EVP_CIPHER_CTX_new: (original) => () => {
        made += 1;
        return original();
      },
      EVP_CIPHER_CTX_free:
        (original) =>
        (...args) => {
          freed.push(args[0] ?? 0);
          return original(...args);
        },
    });
    const key = counting(spec.includes('xts') ? 64 : 32);
    const cipher = create(createOpensslEngine(counted), spec, key) as SectorCipher;
    cipher.encrypt(new Uint8Array(512), 0);
    expect(freed.length).toBeLessThan(made);
    cipher.dispose();
    cipher.dispose();
    expect(freed.length).toBe(made);
    expect(() => cipher.encrypt(new Uint8Array(512), 0)).toThrowError(code('INTERNAL'));
    expect(() => cipher.decrypt(new Uint8Array(512), 0)).toThrowError(code('INTERNAL'));
  });

  it('shows keys to OpenSSL only while it takes them over, and keeps no plaintext after the cipher', () => {
    const memory = new Uint8Array((arena() as NonNullable<ReturnType<typeof arena>>).buffer);
    const key = Buffer.from('a key that is found nowhere else, a key that is found nowhere els');
    const shown: boolean[] = [];
    const watched = bent({
      EVP_CipherInit_ex:
        (original) =>
        (...args) => {
          if (args[3] !== 0) shown.push(Buffer.from(memory.buffer).includes(key.subarray(0, 16)));
          return original(...args);
        },
    });
    const cipher = create(createOpensslEngine(watched), 'aes-xts-plain64', key.subarray(0, 64), 4096);
    expect(shown).toContain(true);
    expect(Buffer.from(memory.buffer).includes(key.subarray(0, 16))).toBe(false);
    const plaintext = Buffer.alloc(4096, 'plaintext of somebody');
    cipher?.encrypt(plaintext, 0);
    cipher?.decrypt(plaintext, 0);
    expect(Buffer.from(memory.buffer).includes(plaintext.subarray(0, 64))).toBe(true);
    cipher?.dispose();
    expect(Buffer.from(memory.buffer).includes(plaintext.subarray(0, 64))).toBe(false);
  });

  it.each(['aes-xts-plain64', 'aes-cbc-essiv:sha1', 'aes-cbc-eboiv', 'aes-xts-eboiv'])(
    'refuses with %s what the portable engine refuses, and leaks nothing',
    (spec) => {
      let live = 0;
      const counted = bent({
        EVP_CIPHER_CTX_new: (original) => () => {
          live += 1;
          return original();
        },
        EVP_CIPHER_CTX_free:
          (original) =>
          (...args) => {
            live -= 1;
            return original(...args);
          },
      });
      const key = counting(spec.includes('xts') ? 64 : 32);
      const attempt = (which: CryptoEngine | undefined) => {
        try {
          create(which, spec, key)?.dispose();
          return 'made';
        } catch (error) {
          return (error as { code?: string }).code;
        }
      };
      expect(attempt(createOpensslEngine(counted))).toBe(attempt(nodeEngine));
      expect(live).toBe(0);
    },
  );
});

describe.skipIf(!libcrypto)('useOpensslEngine', () => {
  it('puts the engine first and takes it out again', () => {
    const before = cryptoEngines().length;
    const remove = useOpensslEngine(libcrypto);
    expect(cryptoEngines()[0]?.name).toBe('openssl');
    remove?.();
    expect(cryptoEngines().length).toBe(before);
  });

  it('changes nothing without foreign functions', () => {
    expect(useOpensslEngine(undefined)).toBeUndefined();
    expect(cryptoEngines().every(({ name }) => name !== 'openssl')).toBe(true);
  });

  it.each(['EVP_CIPHER_fetch', 'EVP_CipherUpdate', 'HMAC_Init_ex', 'OpenSSL_version_num'])(
    'changes nothing where the process has no %s',
    (name) => {
      expect(useOpensslEngine(bent({ [name]: undefined }))).toBeUndefined();
      expect(cryptoEngines().every((engine) => engine.name !== 'openssl')).toBe(true);
    },
  );

  it('changes nothing with OpenSSL 1.1', () => {
    const old = bent({ OpenSSL_version_num: () => () => 0x1010117f });
    expect(useOpensslEngine(old)).toBeUndefined();
  });
});

describe.skipIf(!libcrypto)('a libcrypto that computes wrongly', () => {
  type Bend = Parameters<typeof bent>[0];

  /** Forgets to encrypt the last block of calls of such lengths. */
  const lazy = (lengths: (length: number) => boolean): Bend => ({
    EVP_CipherUpdate:
      (original) =>
      (context = 0, out = 0, written = 0, data = 0, length = 0) =>
        original(context, out, written, data, lengths(length) ? length - 16 : length),
  });
  const deaf: Bend = {
    EVP_CipherInit_ex:
      (original) =>
      (...args) =>
        args[3] === 0 && args[4] !== 0 ? 1 : original(...args),
  };
  const failing: Bend = {
    EVP_CipherUpdate:
      (original) =>
      (...args) =>
        args[4] === 512 ? 0 : original(...args),
  };

  const right = (library: ReturnType<typeof bent>, sectorSize = 512) => {
    const openssl = bindOpenssl(library);
    return openssl && choiceFor(openssl, { cipher: 'aes', key: counting(64), sectorSize })?.right;
  };

  it('is found out, method by method', () => {
    expect(right(bent({}))).toEqual(['evp', 'hand', 'delta']);
    expect(right(bent(lazy((length) => length === 32 * 512)))).toEqual(['evp']);
    expect(right(bent(deaf))).toEqual(['hand']);
    expect(right(bent(failing))).toBeUndefined();
  });

  it.each([
    ['in long calls', lazy((length) => length > 4096)],
    ['in every call', lazy((length) => length >= 512)],
    ['deaf to IVs', deaf],
    ['failing', failing],
  ])('is not used for what it does wrongly: %s', (_what, bend) => {
    const remove = useOpensslEngine(bent(bend));
    try {
      for (const spec of SPECS) {
        const key = counting(spec.includes('xts') ? 64 : 32);
        const plaintext = counting(64 * 512);
        const data = plaintext.slice();
        const cipher = createSectorCipher({ spec, key, sectorSize: 512 });
        cipher.encrypt(data, 3);
        expect(Buffer.compare(data, encrypted(spec, key, plaintext, 3))).toBe(0);
        cipher.decrypt(data, 3);
        expect(Buffer.compare(data, plaintext)).toBe(0);
        cipher.dispose();
      }
    } finally {
      remove?.();
    }
  });

  it('throws when a call fails later on', () => {
    let broken = false;
    const library = bent({
      EVP_CipherUpdate:
        (original) =>
        (...args) =>
          broken ? 0 : original(...args),
    });
    const cipher = create(createOpensslEngine(library), 'aes-xts-plain64', counting(64));
    broken = true;
    expect(() => cipher?.encrypt(new Uint8Array(512), 0)).toThrowError(code('INTERNAL'));
    broken = false;
    const data = counting(512);
    cipher?.encrypt(data, 0);
    expect(data).toEqual(encrypted('aes-xts-plain64', counting(64), counting(512), 0));
    cipher?.dispose();
  });
});
