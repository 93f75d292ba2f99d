import { foreignSignature } from '../luks2/index.ts';
import { withHeaderDevice } from './location.ts';
import { isLuks } from './luks-volume.ts';

/**
 * What a device seems to hold, by its magic numbers: `crypto_LUKS`, a file system, a partition table; undefined
 * where nothing is recognised, which does not mean that nothing is there.
 *
 * @throws TscryptError NO_SUCH_DEVICE, PERMISSION_DENIED, DEVICE_TOO_SMALL
 */
export async function signatureOf(location: {
  readonly device: string;
  readonly disableLocks?: boolean | undefined;
}): Promise<string | undefined> {
  if (await isLuks(location)) return 'crypto_LUKS';
  return withHeaderDevice(location, 'read', foreignSignature);
}
