import { createHash, createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { arena } from '../../../src/arena.ts';
import { nodeEngine } from '../../../src/crypto/engines/node/engine.ts';
import { createOpensslEngine } from '../../../src/crypto/engines/openssl/engine.ts';
import {
  type CryptoEngine,
  createSectorHash,
  type SectorHash,
  type SectorHashRequest,
  useOpensslEngine,
} from '../../../src/crypto/index.ts';
import { bent, libcrypto } from '../../suites/libcrypto.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 13 + (i >> 8)) & 0xff);

/** One sector at a time, in the plainest way. */
function expected(request: SectorHashRequest, data: Uint8Array, first: number): Buffer {
  const { hash, key, sectorSize, salt = new Uint8Array(0), saltAfter, numbered } = request;
  const digests: Buffer[] = [];
  for (let at = 0; at < data.length; at += sectorSize) {
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(BigInt(first) + BigInt(at) / 512n);
    const message = Buffer.concat([
      saltAfter ? new Uint8Array(0) : salt,
      numbered ? number : new Uint8Array(0),
      data.subarray(at, at + sectorSize),
      saltAfter ? salt : new Uint8Array(0),
    ]);
    digests.push((key ? createHmac(hash, key) : createHash(hash)).update(message).digest());
  }
  return Buffer.concat(digests);
}

const VARIANTS: readonly Partial<SectorHashRequest>[] = [
  {},
  { salt: counting(32) },
  { salt: counting(32), saltAfter: true },
  { salt: counting(256) },
  { numbered: true },
  { salt: counting(16), numbered: true },
  { salt: counting(16), saltAfter: true, numbered: true },
];

const engines: [string, CryptoEngine][] = [['node', nodeEngine]];
const overOpenssl = libcrypto && createOpensslEngine(libcrypto);
if (overOpenssl) engines.push(['openssl', overOpenssl]);

describe.each(engines)('hashes of sectors by the engine %s', (_name, engine) => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  const made = (request: SectorHashRequest): SectorHash => {
    const hash = engine.createHash?.(request);
    if (!hash) throw new Error('the engine has no such hash');
    cleanups.push(() => hash.dispose());
    return hash;
  };

  function taken(length: number): Buffer {
    const bytes = arena()?.take(length);
    if (!bytes) throw new Error('no arena');
    cleanups.push(() => arena()?.give(bytes));
    return bytes;
  }

  it.each(['sha256', 'sha1', 'sha512', 'md5', 'sha3-256', 'ripemd160'])(
    '%s, with and without a key',
    (hash) => {
      for (const variant of VARIANTS) {
        for (const key of [undefined, counting(32), counting(200)]) {
          const request = { hash, sectorSize: 512, key, ...variant };
          const sectorHash = made(request);
          const data = counting(9 * 512);
          const digests = new Uint8Array(9 * sectorHash.size);
          sectorHash.digest(data, digests, 2 ** 40);
          expect(Buffer.compare(digests, expected(request, data, 2 ** 40))).toBe(0);
        }
      }
    },
  );

  it.each([1, 100, 512, 4096, 128 * 1024, 1024 * 1024])(
    'sectors of %i bytes, in the arena and elsewhere',
    (size) => {
      for (const key of [undefined, counting(64)]) {
        const request = { hash: 'sha256', sectorSize: size, key, salt: counting(32) };
        const hash = createSectorHashIn(engine, request);
        // More than the engine takes at a time, where that is not too many.
        const length = size * Math.min(Math.ceil((300 * 1024) / size), 700);
        const data = counting(length);
        const inArena = taken(length);
        inArena.set(data);
        const digests = taken((length / size) * 32 + 1);
        for (const [from, to] of [
          [data, new Uint8Array(digests.length)],
          [inArena, new Uint8Array(digests.length)],
          [data, digests],
          [inArena, digests],
        ] as const) {
          to.fill(0xa5);
          hash.digest(from, to);
          expect(Buffer.compare(to.subarray(0, -1), expected(request, data, 0))).toBe(0);
          expect(to.at(-1)).toBe(0xa5);
        }
        hash.dispose();
      }
    },
  );

  it('keeps key and salt when the caller zeroes his', () => {
    const key = counting(32);
    const salt = counting(32);
    const hash = made({ hash: 'sha256', sectorSize: 512, key, salt });
    key.fill(0);
    salt.fill(0);
    const digest = new Uint8Array(32);
    hash.digest(counting(512), digest);
    const request = { hash: 'sha256', sectorSize: 512, key: counting(32), salt: counting(32) };
    expect(Buffer.compare(digest, expected(request, counting(512), 0))).toBe(0);
  });

  it('takes whole sectors and enough room only', () => {
    const hash = made({ hash: 'sha256', sectorSize: 512 });
    expect(() => hash.digest(counting(513), new Uint8Array(64))).toThrowError(RangeError);
    expect(() => hash.digest(counting(1024), new Uint8Array(63))).toThrowError(RangeError);
    hash.digest(new Uint8Array(0), new Uint8Array(0));
  });

  it.each([undefined, counting(32)])('does not work after it was disposed of', (key) => {
    const hash = made({ hash: 'sha256', sectorSize: 512, key });
    hash.dispose();
    hash.dispose();
    expect(() => hash.digest(counting(512), new Uint8Array(32))).toThrowError(code('INTERNAL'));
  });
});

/** Falls back as `createSectorHash` does. */
function createSectorHashIn(engine: CryptoEngine, request: SectorHashRequest): SectorHash {
  const hash = engine.createHash?.(request) ?? nodeEngine.createHash?.(request);
  if (!hash) throw new Error('no engine has it');
  return hash;
}

describe('createSectorHash', () => {
  it('knows its hashes', () => {
    expect(() => createSectorHash({ hash: 'whirlpool-5', sectorSize: 512 })).toThrowError(
      code('NOT_SUPPORTED'),
    );
    expect(() => createSectorHash({ hash: 'sha256', sectorSize: 0 })).toThrowError(code('INVALID_ARGUMENT'));
    const hash = createSectorHash({ hash: 'sha256', sectorSize: 512 });
    expect(hash.size).toBe(32);
    hash.dispose();
  });

  it.skipIf(!libcrypto)(
    'does without OpenSSL’s functions where they are wrong, and frees what it tried',
    () => {
      let live = 0;
      const count =
        (by: number) =>
        (original: (...args: number[]) => number) =>
        (...args: number[]) => {
          live += by;
          return original(...args);
        };
      const skip =
        (original: (...args: number[]) => number) =>
        (context = 0, data = 0, length = 0) =>
          original(context, data, length === 512 ? 511 : length);
      const remove = useOpensslEngine(
        bent({
          EVP_DigestUpdate: skip,
          HMAC_Update: skip,
          EVP_MD_CTX_new: count(1),
          EVP_MD_CTX_free: count(-1),
          HMAC_CTX_new: count(1),
          HMAC_CTX_free: count(-1),
        }),
      );
      try {
        for (const key of [undefined, counting(32)]) {
          const request = { hash: 'sha256', sectorSize: 512, key, salt: counting(8) };
          const hash = createSectorHash(request);
          const digest = new Uint8Array(32);
          hash.digest(counting(512), digest);
          expect(Buffer.compare(digest, expected(request, counting(512), 0))).toBe(0);
          hash.dispose();
        }
        expect(live).toBe(0);
      } finally {
        remove?.();
      }
    },
  );
});
