import { pbkdf2 as opensslPbkdf2 } from 'node:crypto';
import { TscryptError } from '../errors.ts';
import { opensslHashName } from './hash.ts';
import { Secret } from './secret.ts';

/** What OpenSSL can count to. */
const MAX_ITERATIONS = 0x7fff_ffff;
/** Implementation limit: no key of a volume comes near it, and a wrong length must not become an allocation. */
const MAX_LENGTH = 65_536;

export interface Pbkdf2Request {
  /** Name of the hash of the HMAC: `sha256`. */
  readonly hash: string;
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Bytes to derive. */
  readonly length: number;
}

/**
 * PBKDF2 with HMAC (RFC 8018, section 5.2), in Node's thread pool.
 *
 * @throws TscryptError NOT_SUPPORTED (hash) or INVALID_ARGUMENT (iterations, length)
 */
export async function pbkdf2(request: Pbkdf2Request): Promise<Secret> {
  const { password, salt, iterations, length } = request;
  const digest = opensslHashName(request.hash);
  check('iterations', iterations, MAX_ITERATIONS);
  check('length', length, MAX_LENGTH);
  const derived = await new Promise<Buffer>((resolve, reject) => {
    opensslPbkdf2(password, salt, iterations, length, digest, (error, key) => {
      if (error) reject(new TscryptError('INTERNAL', `PBKDF2 failed: ${error.message}`, { cause: error }));
      else resolve(key);
    });
  });
  return Secret.take(derived);
}

function check(field: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new TscryptError('INVALID_ARGUMENT', `PBKDF2 ${field} must be 1 to ${max}, not ${value}.`, {
      details: { field, found: value, expected: [1, max] },
    });
  }
}
