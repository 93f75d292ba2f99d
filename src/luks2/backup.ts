import type { BlockDevice } from '../block/device.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';

/** The header region of `device`, both copies and the keyslots area: what `luksHeaderBackup` stores. */
export async function backupHeader(_device: BlockDevice): Promise<Uint8Array<ArrayBuffer>> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/** What restoring a backup would mean; nothing has been written. */
export interface RestorePlan {
  /** The header in the backup, valid. */
  readonly backup: Luks2Header;
  /** The LUKS2 header on the device now, if there is a valid one. */
  readonly current: Luks2Header | undefined;
  /** The two have different UUIDs: ask before going on. */
  readonly uuidDiffers: boolean;
}

/**
 * Checks a backup wholly against a device, without writing.
 *
 * @throws TscryptError INVALID_FORMAT / NOT_RECOGNISED (backup no good), DEVICE_TOO_SMALL,
 *   INVALID_ARGUMENT (data offset or header size of the two differ), REQUIREMENT_UNMET
 */
export async function planRestore(_device: BlockDevice, _backup: Uint8Array): Promise<RestorePlan> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/** {@link planRestore}, then writes the backup over the device's header so that a power cut leaves the old or the new one. */
export async function restoreHeader(_device: BlockDevice, _backup: Uint8Array): Promise<Luks2Header> {
  throw new TscryptError('INTERNAL', 'not written yet');
}
