import type { BlockDevice } from '../block/index.ts';
import { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import { type Luks2Header, unlock, verifyVolumeKey } from '../luks2/index.ts';

/** How the volume key is obtained. What it holds is borrowed: the caller disposes of it. */
export type KeyslotContext =
  | { readonly kind: 'passphrase'; readonly passphrase: Secret; readonly keyslot?: number | undefined }
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
 * @throws TscryptError WRONG_PASSPHRASE; NO_SUCH_OBJECT (the keyslot asked for is not active, or none is);
 *   OUT_OF_MEMORY; NOT_SUPPORTED
 */
export async function unlockHeader(
  device: BlockDevice,
  header: Luks2Header,
  context: KeyslotContext,
): Promise<Unlocked> {
  switch (context.kind) {
    case 'passphrase': {
      const { passphrase, keyslot } = context;
      const key = await unlock(device, header, { passphrase, keyslot });
      if (key) return key;
      throw new TscryptError('WRONG_PASSPHRASE', 'No key available with this passphrase.', {
        details: { device: device.name, ...(keyslot !== undefined && { keyslot }) },
      });
    }
    case 'volumeKey': {
      if ((await verifyVolumeKey(header, context.volumeKey)) === undefined) {
        throw new TscryptError('WRONG_PASSPHRASE', 'Volume key does not match the volume.', {
          details: { device: device.name },
        });
      }
      return { keyslot: undefined, volumeKey: Secret.copy(context.volumeKey.bytes) };
    }
  }
}
