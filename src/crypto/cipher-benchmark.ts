import { MIB } from '../units.ts';
import type { CipherSpec } from './cipher-spec.ts';
import { randomFill, randomSecret } from './rng.ts';
import { createSectorCipher } from './sector-ciphers.ts';

export interface CipherSpeed {
  /** MiB a second, one thread. */
  readonly encryption: number;
  readonly decryption: number;
}

export interface CipherBenchmarkRequest {
  readonly spec: CipherSpec | string;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes of an encryption sector; 512. */
  readonly sectorSize?: number;
  /** Bytes of one request; 1 MiB. */
  readonly requestSize?: number;
  /** Milliseconds to measure in each direction; 250. */
  readonly durationMs?: number;
}

/**
 * Speed of a cipher through the same path that volumes are read and written with.
 *
 * @throws TscryptError as `createSectorCipher`
 */
export function benchmarkCipher(request: CipherBenchmarkRequest): CipherSpeed {
  const { spec, keySize, sectorSize = 512, requestSize = MIB, durationMs = 250 } = request;
  const key = randomSecret(keySize);
  const cipher = createSectorCipher({ spec, key: key.bytes, sectorSize });
  key.dispose();
  const data = randomFill(new Uint8Array(requestSize));
  try {
    return {
      encryption: measure(requestSize, durationMs, () => cipher.encrypt(data, 0)),
      decryption: measure(requestSize, durationMs, () => cipher.decrypt(data, 0)),
    };
  } finally {
    cipher.dispose();
  }
}

function measure(requestSize: number, durationMs: number, run: () => void): number {
  // The first requests are interpreted; they would not be typical.
  const warm = performance.now() + durationMs / 4;
  do run();
  while (performance.now() < warm);
  const start = performance.now();
  let requests = 0;
  let elapsed: number;
  do {
    run();
    requests++;
    elapsed = performance.now() - start;
  } while (elapsed < durationMs);
  return (requests * requestSize) / MIB / (elapsed / 1000);
}
