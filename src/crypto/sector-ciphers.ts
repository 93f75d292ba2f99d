import { TscryptError } from '../errors.ts';
import { isPowerOfTwo } from '../units.ts';
import { findBlockCipher } from './block-cipher.ts';
import { chainingModes } from './chaining-mode.ts';
import { type CipherSpec, formatCipherSpec, isNullCipher, parseCipherSpec } from './cipher-spec.ts';
import type { CryptoEngine } from './engine.ts';
import { nodeEngine } from './engines/node/engine.ts';
import { findIvMode } from './iv/registry.ts';
import type { SectorCipher } from './sector-cipher.ts';

export interface SectorCipherOptions {
  /** Or the text of one, `aes-xts-plain64`. */
  readonly spec: CipherSpec | string;
  /** Borrowed for the call: the caller keeps it and zeroes it. */
  readonly key: Uint8Array;
  /** Bytes of an encryption sector: 512, 1024, 2048 or 4096. */
  readonly sectorSize: number;
  /** IVs count encryption sectors instead of 512-byte sectors (dm-crypt's `iv_large_sectors`). */
  readonly largeSectorIv?: boolean;
}

const engines: CryptoEngine[] = [nodeEngine];

/**
 * Puts an engine before those known already.
 *
 * @returns takes it out again; ciphers it has made go on working
 */
export function useCryptoEngine(engine: CryptoEngine): () => void {
  engines.unshift(engine);
  return () => {
    const at = engines.indexOf(engine);
    if (at >= 0) engines.splice(at, 1);
  };
}

/** The engines in the order in which they are asked. */
export function cryptoEngines(): readonly CryptoEngine[] {
  return engines;
}

/**
 * A cipher for whole sectors, in the first engine that has it.
 *
 * @throws TscryptError NOT_SUPPORTED when cipher, mode, IV or hash is unknown here; INVALID_ARGUMENT when the
 *   text is no specification, or the key or sector has a size that cipher or dm-crypt does not take
 */
export function createSectorCipher(options: SectorCipherOptions): SectorCipher {
  const spec = typeof options.spec === 'string' ? parseCipherSpec(options.spec) : options.spec;
  const { key, sectorSize, largeSectorIv = false } = options;
  const keySizes = validKeySizes(spec);
  if (spec.iv !== undefined) findIvMode(spec.iv);
  if (!keySizes.includes(key.length)) {
    const cipher = formatCipherSpec(spec);
    throw new TscryptError('INVALID_ARGUMENT', `Cipher ${cipher} takes no key of ${key.length} bytes.`, {
      details: { cipher, field: 'keySize', expected: keySizes, found: key.length },
    });
  }
  if (!isPowerOfTwo(sectorSize) || sectorSize < 512 || sectorSize > 4096) {
    throw new TscryptError(
      'INVALID_ARGUMENT',
      `Encryption sectors of ${sectorSize} bytes are not possible.`,
      {
        details: { field: 'sectorSize', expected: [512, 1024, 2048, 4096], found: sectorSize },
      },
    );
  }
  for (const engine of engines) {
    const cipher = engine.create({ spec, key, sectorSize, largeSectorIv });
    if (cipher) return cipher;
  }
  throw notSupported(spec);
}

/**
 * The key sizes in bytes that a specification takes, ascending: twice the cipher's own for XTS, once for
 * each key of a multi-key specification; only 0 for cipher_null.
 *
 * @throws TscryptError NOT_SUPPORTED for an unknown cipher or mode
 */
export function validKeySizes(spec: CipherSpec | string): number[] {
  const parsed = typeof spec === 'string' ? parseCipherSpec(spec) : spec;
  if (isNullCipher(parsed)) {
    if (parsed.mode !== 'ecb') throw notSupported(parsed);
    return [0];
  }
  const algorithm = findBlockCipher(parsed.cipher);
  const mode = chainingModes.get(parsed.mode);
  if (!algorithm || !mode) throw notSupported(parsed);
  return algorithm.keySizes.map((size) => size * mode.keys * parsed.keyCount);
}

function notSupported(spec: CipherSpec): TscryptError {
  const cipher = formatCipherSpec(spec);
  return new TscryptError('NOT_SUPPORTED', `Cipher ${cipher} is not supported.`, { details: { cipher } });
}
