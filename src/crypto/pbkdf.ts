import { argon2 } from './argon2.ts';
import { pbkdf2 } from './pbkdf2.ts';
import type { Secret } from './secret.ts';

/** A password-based key derivation function with its costs, as a LUKS2 keyslot's `kdf` object holds them. */
export type Pbkdf = Pbkdf2Parameters | Argon2Parameters;

export interface Pbkdf2Parameters {
  readonly type: 'pbkdf2';
  readonly hash: string;
  readonly iterations: number;
}

export interface Argon2Parameters {
  readonly type: 'argon2i' | 'argon2id';
  /** Passes over the memory. */
  readonly time: number;
  /** KiB. */
  readonly memory: number;
  /** Lanes, computed by as many threads. */
  readonly cpus: number;
}

/**
 * Derives `length` bytes from a password.
 *
 * @throws TscryptError NOT_SUPPORTED (hash), INVALID_ARGUMENT (costs out of range), OUT_OF_MEMORY
 */
export function derive(
  pbkdf: Pbkdf,
  password: Uint8Array,
  salt: Uint8Array,
  length: number,
): Promise<Secret> {
  if (pbkdf.type === 'pbkdf2') {
    return pbkdf2({ hash: pbkdf.hash, iterations: pbkdf.iterations, password, salt, length });
  }
  return argon2({
    type: pbkdf.type,
    time: pbkdf.time,
    memoryKib: pbkdf.memory,
    parallelism: pbkdf.cpus,
    password,
    salt,
    length,
  });
}
