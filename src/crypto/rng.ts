import { randomFillSync } from 'node:crypto';
import { Secret } from './secret.ts';

/** Fills `into` from the operating system's generator, through OpenSSL; the only source of randomness. */
export function randomFill<T extends Uint8Array>(into: T): T {
  randomFillSync(into);
  return into;
}

/** A new secret of `length` random bytes: a volume key, for example. */
export function randomSecret(length: number): Secret {
  const secret = new Secret(length);
  randomFill(secret.bytes);
  return secret;
}
