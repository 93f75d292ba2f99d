import { MIB } from '../units.ts';
import type { Argon2Cost, CipherSpeed, Pbkdf2Speed } from './benchmark.ts';

const KEY_BITS = 256;

/** The lines of `benchmark` in cryptsetup's layout; a measurement that is missing shows N/A. */
export function pbkdf2Line(hash: string, speed: Pbkdf2Speed | undefined): string {
  const title = `PBKDF2-${hash.padEnd(9)}`;
  if (speed === undefined) return `${title}     N/A`;
  return `${title} ${String(speed.iterationsPerSecond).padStart(7)} iterations per second for ${KEY_BITS}-bit key`;
}

export function argon2Line(type: string, cost: Argon2Cost | undefined, iterTimeMs: number): string {
  const title = type.padEnd(10);
  if (cost === undefined) return `${title}    N/A`;
  const { iterations, memoryKib, parallel } = cost;
  return `${title} ${String(iterations).padStart(4)} iterations, ${String(memoryKib).padStart(5)} memory, ${parallel} parallel threads (CPUs) for ${KEY_BITS}-bit key (requested ${iterTimeMs} ms time)`;
}

export const CIPHER_TITLE = '#     Algorithm |       Key |      Encryption |      Decryption';

export function cipherLine(
  { cipher, mode, keyBits }: Pick<CipherSpeed, 'cipher' | 'mode' | 'keyBits'>,
  speed: CipherSpeed | undefined,
): string {
  const name = `${cipher}-${mode}`.padStart(15);
  const key = `${keyBits}b`.padStart(11);
  return `${name} ${key} ${rate(speed?.encryption)} ${rate(speed?.decryption)}`;
}

function rate(bytesPerSecond: number | undefined): string {
  return (bytesPerSecond === undefined ? 'N/A' : `${(bytesPerSecond / MIB).toFixed(1)} MiB/s`).padStart(17);
}
