import { blake2b, blake2s } from '@noble/hashes/blake2.js';
import { md5, ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { sha3_224, sha3_256, sha3_384, sha3_512 } from '@noble/hashes/sha3.js';
import { describe, expect, it } from 'vitest';
import { hash, hashSize, isHashSupported, supportedHashes } from '../../../src/crypto/index.ts';

const others: Readonly<Record<string, (data: Uint8Array) => Uint8Array>> = {
  md5,
  sha1,
  sha224,
  sha256,
  sha384,
  sha512,
  'sha3-224': sha3_224,
  'sha3-256': sha3_256,
  'sha3-384': sha3_384,
  'sha3-512': sha3_512,
  ripemd160,
  rmd160: ripemd160,
  'blake2b-512': (data) => blake2b(data),
  'blake2s-256': (data) => blake2s(data),
};

describe('hash', () => {
  const parts = [Buffer.from('one'), new Uint8Array(0), Buffer.alloc(1000, 7)];

  it.each(Object.entries(others))('%s is that of another implementation', (name, other) => {
    const digest = hash(name, ...parts);
    expect(Buffer.from(digest)).toEqual(Buffer.from(other(Buffer.concat(parts))));
    expect(hashSize(name)).toBe(digest.length);
  });

  it('sm3 is that of its standard (GB/T 32905-2016, example 1)', () => {
    expect(Buffer.from(hash('sm3', Buffer.from('abc'))).toString('hex')).toBe(
      '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0',
    );
  });

  it('knows names in any case, as cryptsetup does', () => {
    expect(hash('SHA256')).toEqual(hash('sha256'));
  });

  it.each(['whirlpool', 'stribog256', 'sha-256', 'blake2b-256', '', '__proto__'])('has no %j', (name) => {
    expect(isHashSupported(name)).toBe(false);
    expect(() => hashSize(name)).toThrowError(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
    expect(() => hash(name)).toThrowError(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  });

  it('lists what it has', () => {
    expect(supportedHashes()).toEqual(expect.arrayContaining(['sha1', 'sha256', 'sha512', 'ripemd160']));
    expect(supportedHashes().every(isHashSupported)).toBe(true);
  });
});
