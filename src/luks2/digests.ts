import type { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';

/** The id of the digest that `key` satisfies (the volume's own first), or `undefined`: not a key of this header. */
export async function verifyVolumeKey(_header: Luks2Header, _key: Secret): Promise<number | undefined> {
  throw new TscryptError('INTERNAL', 'not written yet');
}
