import { arena } from '../arena.ts';
import { benchmarkPbkdf, createSectorCipher, type PbkdfRequest, randomSecret } from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import { MIB } from '../units.ts';

const BUFFER_SIZE = MIB;
const SECTOR_SIZE = 4096;
/** Long enough to be read off, short enough for twelve ciphers both ways. */
const MEASURE_MS = 250;
const PBKDF_KEY_BYTES = 32;
const PBKDF2_MEASURE_MS = 1000;

/** The hashes, key derivations and ciphers that `benchmark` shows without options, as cryptsetup does. */
export const BENCHMARK_HASHES = ['sha1', 'sha256', 'sha512', 'ripemd160', 'whirlpool'];
export const BENCHMARK_ARGON2 = ['argon2i', 'argon2id'] as const;
export const BENCHMARK_CIPHERS = [128, 256].flatMap((bits) =>
  (['cbc', 'xts'] as const).flatMap((mode) =>
    ['aes', 'serpent', 'twofish'].map((cipher) => ({
      cipher,
      mode,
      keyBits: mode === 'xts' ? bits * 2 : bits,
    })),
  ),
);

export interface CipherSpeed {
  readonly cipher: string;
  readonly mode: string;
  readonly keyBits: number;
  /** Bytes a second. */
  readonly encryption: number;
  readonly decryption: number;
}

/**
 * How fast a cipher works in memory, on one thread: where the data of requests lies, too.
 *
 * @throws TscryptError NOT_SUPPORTED, INVALID_ARGUMENT
 */
export function measureCipher(cipher: string, mode: string, keyBits: number): CipherSpeed {
  using key = randomSecret(keyBits / 8);
  const iv = mode === 'ecb' ? '' : '-plain64';
  const engine = createSectorCipher({
    spec: `${cipher}-${mode}${iv}`,
    key: key.bytes,
    sectorSize: SECTOR_SIZE,
  });
  const place = arena();
  const data = place?.take(BUFFER_SIZE) ?? new Uint8Array(BUFFER_SIZE);
  try {
    return {
      cipher,
      mode,
      keyBits,
      encryption: bytesPerSecond(() => engine.encrypt(data, 0)),
      decryption: bytesPerSecond(() => engine.decrypt(data, 0)),
    };
  } finally {
    engine.dispose();
    if (place?.holds(data)) place.give(data);
  }
}

/** Undefined where this build has no such cipher. */
export function measureCipherIfAny(cipher: string, mode: string, keyBits: number): CipherSpeed | undefined {
  return ifSupported(() => measureCipher(cipher, mode, keyBits));
}

export interface Pbkdf2Speed {
  readonly hash: string;
  readonly iterationsPerSecond: number;
}

/** Undefined where this build has no such hash. */
export async function measurePbkdf2(hash: string): Promise<Pbkdf2Speed | undefined> {
  const request = { type: 'pbkdf2', hash, iterTimeMs: PBKDF2_MEASURE_MS } as const;
  const pbkdf = await ifSupportedLater(() => benchmarkPbkdf(request, PBKDF_KEY_BYTES));
  return pbkdf?.type === 'pbkdf2' ? { hash, iterationsPerSecond: pbkdf.iterations } : undefined;
}

export interface Argon2Cost {
  readonly type: string;
  readonly iterations: number;
  readonly memoryKib: number;
  readonly parallel: number;
}

/** The cost that fills the time asked for. */
export async function measureArgon2(request: PbkdfRequest): Promise<Argon2Cost | undefined> {
  const pbkdf = await ifSupportedLater(() => benchmarkPbkdf(request, PBKDF_KEY_BYTES));
  if (pbkdf === undefined || pbkdf.type === 'pbkdf2') return undefined;
  return { type: pbkdf.type, iterations: pbkdf.time, memoryKib: pbkdf.memory, parallel: pbkdf.cpus };
}

function bytesPerSecond(work: () => void): number {
  work();
  const start = performance.now();
  let rounds = 0;
  let elapsed = 0;
  while (elapsed < MEASURE_MS) {
    work();
    rounds++;
    elapsed = performance.now() - start;
  }
  return (rounds * BUFFER_SIZE * 1000) / elapsed;
}

function ifSupported<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch (error) {
    return unsupported(error);
  }
}

async function ifSupportedLater<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task();
  } catch (error) {
    return unsupported(error);
  }
}

function unsupported(error: unknown): undefined {
  if (error instanceof TscryptError && error.code === 'NOT_SUPPORTED') return undefined;
  throw error;
}
