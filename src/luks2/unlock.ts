import type { BlockDevice } from '../block/device.ts';
import type { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';

export interface UnlockOptions {
  /** Borrowed. */
  readonly passphrase: Secret;
  /** Only this keyslot; unless given, every one bound to the volume by priority, ignored ones left out. */
  readonly keyslot?: number | undefined;
  /** Without `keyslot`: also try keyslots that are bound to no segment. */
  readonly unbound?: boolean | undefined;
}

export interface UnlockedKey {
  readonly keyslot: number;
  /** The caller's to dispose of. */
  readonly volumeKey: Secret;
}

/**
 * Opens a keyslot with a passphrase. `undefined`: the passphrase fits none.
 *
 * @throws TscryptError NO_SUCH_OBJECT (the keyslot named is not active; or no usable keyslot at all),
 *   NOT_SUPPORTED (hash, cipher, KDF), OUT_OF_MEMORY, REQUIREMENT_UNMET
 */
export async function unlock(
  _device: BlockDevice,
  _header: Luks2Header,
  _options: UnlockOptions,
): Promise<UnlockedKey | undefined> {
  throw new TscryptError('INTERNAL', 'not written yet');
}
