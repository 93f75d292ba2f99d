export { afMerge, afSplit } from './af.ts';
export { argon2 } from './argon2.ts';
export type { Argon2Request } from './argon2-engines.ts';
export { benchmarkCipher, type CipherBenchmarkRequest, type CipherSpeed } from './cipher-benchmark.ts';
export { type CipherSpec, formatCipherSpec, isNullCipher, parseCipherSpec } from './cipher-spec.ts';
export { equalConstantTime } from './constant-time.ts';
export type { CryptoEngine, SectorCipherRequest } from './engine.ts';
export type { ForeignLibrary } from './foreign-library.ts';
export { hash, hashSize, isHashSupported, supportedHashes } from './hash.ts';
export { fastestXts, useOpensslEngine } from './openssl.ts';
export { type Argon2Parameters, derive, type Pbkdf, type Pbkdf2Parameters } from './pbkdf.ts';
export { benchmarkPbkdf, type PbkdfRequest, pbkdf2Speed } from './pbkdf-benchmark.ts';
export { type Pbkdf2Request, pbkdf2 } from './pbkdf2.ts';
export { randomFill, randomSecret } from './rng.ts';
export { Secret, type SecretAllocator, useSecretAllocator } from './secret.ts';
export type { SectorCipher } from './sector-cipher.ts';
export {
  createSectorCipher,
  cryptoEngines,
  type SectorCipherOptions,
  useCryptoEngine,
  validKeySizes,
} from './sector-ciphers.ts';
export type { SectorHash, SectorHashRequest } from './sector-hash.ts';
export { createSectorHash } from './sector-hashes.ts';
