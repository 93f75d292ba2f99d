import { getCiphers } from 'node:crypto';
import { TscryptError } from '../errors.ts';

/** A keyed block cipher over many independent blocks at once (ECB); modes and IVs are built from it. */
export interface BlockCipher {
  /**
   * @param blocks whole blocks; left alone
   * @returns as many bytes; valid until the next call, for reading only
   */
  encrypt(blocks: Uint8Array): Uint8Array;
  decrypt(blocks: Uint8Array): Uint8Array;
  /** Forgets the key. */
  dispose(): void;
}

/** Bytes of a block of every cipher known here. */
export const BLOCK_SIZE = 16;

export interface BlockCipherAlgorithm {
  /** The kernel's name, as in dm tables and LUKS headers. */
  readonly name: string;
  /** Key sizes in bytes, ascending. */
  readonly keySizes: readonly number[];
  /** What OpenSSL calls it, with a key of that many bytes and in that mode. */
  openssl(keySize: number, mode: 'ecb' | 'cbc' | 'xts'): string;
}

const withBits = (name: string) => (keySize: number, mode: string) => `${name}-${keySize * 8}-${mode}`;

const ALGORITHMS: readonly BlockCipherAlgorithm[] = [
  { name: 'aes', keySizes: [16, 24, 32], openssl: withBits('aes') },
  { name: 'camellia', keySizes: [16, 24, 32], openssl: withBits('camellia') },
  { name: 'aria', keySizes: [16, 24, 32], openssl: withBits('aria') },
  { name: 'sm4', keySizes: [16], openssl: (_keySize, mode) => `sm4-${mode}` },
];

let available: ReadonlySet<string> | undefined;

/** The algorithm of that name, where this Node's OpenSSL has it. */
export function findBlockCipher(name: string): BlockCipherAlgorithm | undefined {
  const algorithm = ALGORITHMS.find((candidate) => candidate.name === name);
  available ??= new Set(getCiphers());
  const usable = algorithm?.keySizes.every((size) => available?.has(algorithm.openssl(size, 'ecb')));
  return usable ? algorithm : undefined;
}

/** @throws TscryptError NOT_SUPPORTED, or INVALID_ARGUMENT when the cipher takes no key of that many bytes */
export function requireBlockCipher(name: string, keySize: number): BlockCipherAlgorithm {
  const algorithm = findBlockCipher(name);
  if (!algorithm) {
    throw new TscryptError('NOT_SUPPORTED', `Cipher ${name} is not supported.`, {
      details: { cipher: name },
    });
  }
  if (!algorithm.keySizes.includes(keySize)) {
    throw new TscryptError('INVALID_ARGUMENT', `Cipher ${name} takes no key of ${keySize} bytes.`, {
      details: { cipher: name, field: 'keySize', expected: algorithm.keySizes, found: keySize },
    });
  }
  return algorithm;
}
