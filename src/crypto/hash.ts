import { createHash, getHashes } from 'node:crypto';
import { TscryptError } from '../errors.ts';

interface HashAlgorithm {
  /** What OpenSSL calls it. */
  readonly openssl: string;
  /** Digest size in bytes. */
  readonly size: number;
}

/** By the names LUKS headers, dm tables and cryptsetup's `--hash` use. */
const HASHES: ReadonlyMap<string, HashAlgorithm> = new Map([
  ['md5', { openssl: 'md5', size: 16 }],
  ['sha1', { openssl: 'sha1', size: 20 }],
  ['sha224', { openssl: 'sha224', size: 28 }],
  ['sha256', { openssl: 'sha256', size: 32 }],
  ['sha384', { openssl: 'sha384', size: 48 }],
  ['sha512', { openssl: 'sha512', size: 64 }],
  ['sha3-224', { openssl: 'sha3-224', size: 28 }],
  ['sha3-256', { openssl: 'sha3-256', size: 32 }],
  ['sha3-384', { openssl: 'sha3-384', size: 48 }],
  ['sha3-512', { openssl: 'sha3-512', size: 64 }],
  ['ripemd160', { openssl: 'ripemd160', size: 20 }],
  ['rmd160', { openssl: 'ripemd160', size: 20 }],
  ['blake2b-512', { openssl: 'blake2b512', size: 64 }],
  ['blake2s-256', { openssl: 'blake2s256', size: 32 }],
  ['sm3', { openssl: 'sm3', size: 32 }],
]);

let available: ReadonlySet<string> | undefined;

function find(name: string): HashAlgorithm | undefined {
  const algorithm = HASHES.get(name.toLowerCase());
  if (!algorithm) return undefined;
  // Builds of OpenSSL differ (FIPS, distributions); the list is made once.
  available ??= new Set(getHashes().map((known) => known.toLowerCase()));
  return available.has(algorithm.openssl) ? algorithm : undefined;
}

function require(name: string): HashAlgorithm {
  const algorithm = find(name);
  if (!algorithm) {
    throw new TscryptError('NOT_SUPPORTED', `Hash algorithm ${name} is not supported.`, {
      details: { hash: name },
    });
  }
  return algorithm;
}

export function isHashSupported(name: string): boolean {
  return find(name) !== undefined;
}

/** The names this build knows, in a fixed order. */
export function supportedHashes(): string[] {
  return [...HASHES.keys()].filter(isHashSupported);
}

/**
 * Size of the digest in bytes.
 *
 * @throws TscryptError NOT_SUPPORTED
 */
export function hashSize(name: string): number {
  return require(name).size;
}

/** What OpenSSL, and so `node:crypto`, calls the hash. */
export function opensslHashName(name: string): string {
  return require(name).openssl;
}

/**
 * The digest of the parts one behind the other.
 *
 * @param name as LUKS and cryptsetup write it: `sha256`, `sha3-512`, `blake2b-512`, `ripemd160`
 * @throws TscryptError NOT_SUPPORTED
 */
export function hash(name: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const digest = createHash(opensslHashName(name));
  for (const part of parts) digest.update(part);
  return digest.digest();
}
