import type { BlockDevice } from '../block/index.ts';
import { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import { isBound, type Luks2Header, unlock, verifyVolumeKey, volumeDigests } from '../luks2/index.ts';

/** How the volume key is obtained. What it holds is borrowed: the caller disposes of it. */
export type KeyslotContext =
  | {
      readonly kind: 'passphrase';
      readonly passphrase: Secret;
      readonly keyslot?: number | undefined;
      /** `keyslot` may hold another key than the volume's, stored beside it: such a key must not map the volume. */
      readonly unbound?: boolean | undefined;
    }
  | { readonly kind: 'volumeKey'; readonly volumeKey: Secret };

/** A volume key that has been verified against the header. */
export interface Unlocked {
  /** The keyslot that gave it; `undefined` when the key itself was given. */
  readonly keyslot: number | undefined;
  /** The holder's to dispose of. */
  readonly volumeKey: Secret;
}

/**
 * Obtains and verifies the volume key.
 *
 * @throws TscryptError WRONG_PASSPHRASE; NO_SUCH_OBJECT (the keyslot asked for is not active or not bound to the
 *   volume, or none is); OUT_OF_MEMORY; NOT_SUPPORTED
 */
export async function unlockHeader(
  device: BlockDevice,
  header: Luks2Header,
  context: KeyslotContext,
): Promise<Unlocked> {
  switch (context.kind) {
    case 'passphrase': {
      const { passphrase, keyslot } = context;
      if (keyslot !== undefined && !context.unbound && !isBound(header.metadata, keyslot)) {
        throw new TscryptError('NO_SUCH_OBJECT', `Keyslot ${keyslot} does not open the volume.`, {
          details: { device: device.name, keyslot },
        });
      }
      const key = await unlock(device, header, { passphrase, keyslot });
      if (key) return key;
      throw new TscryptError('WRONG_PASSPHRASE', 'No key available with this passphrase.', {
        details: { device: device.name, ...(keyslot !== undefined && { keyslot }) },
      });
    }
    case 'volumeKey': {
      const digest = await verifyVolumeKey(header, context.volumeKey);
      // Other keys that the header stores are none of the volume's.
      if (digest === undefined || !volumeDigests(header.metadata).includes(String(digest))) {
        throw new TscryptError('WRONG_PASSPHRASE', 'Volume key does not match the volume.', {
          details: { device: device.name },
        });
      }
      return { keyslot: undefined, volumeKey: Secret.copy(context.volumeKey.bytes) };
    }
  }
}
