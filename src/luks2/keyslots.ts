import type { BlockDevice } from '../block/device.ts';
import type { Pbkdf } from '../crypto/index.ts';
import type { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';

export interface KeyslotParams {
  /** Number of the new keyslot, 0–31; the first free one unless given. */
  readonly keyslot?: number | undefined;
  readonly pbkdf: Pbkdf;
  /** Cipher of the keyslot area; the volume's own unless given. Together with `keySize`. */
  readonly cipher?: string | undefined;
  /** Bytes of the area's key. */
  readonly keySize?: number | undefined;
  /** Hash of the anti-forensic splitter; the pbkdf2 hash or `sha256` unless given. */
  readonly afHash?: string | undefined;
  readonly priority?: 'ignore' | 'normal' | 'prefer' | undefined;
  /** The key is not the volume's: store it with a digest of its own, bound to no segment. */
  readonly unbound?: boolean | undefined;
}

export interface KeyslotChange {
  /** The header as it is on the device now. */
  readonly header: Luks2Header;
  readonly keyslot: number;
}

/**
 * Stores `volumeKey` in a new keyslot.
 *
 * @throws TscryptError WRONG_PASSPHRASE when `volumeKey` is not this volume's; DEVICE_EXISTS no: INVALID_ARGUMENT
 *   when the keyslot is in use; NO_SPACE when no keyslot number, area or JSON room is left; REQUIREMENT_UNMET
 */
export async function addKeyslot(
  _device: BlockDevice,
  _header: Luks2Header,
  _volumeKey: Secret,
  _passphrase: Secret,
  _params: KeyslotParams,
): Promise<KeyslotChange> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/**
 * Replaces keyslot `keyslot` by one with a new passphrase (and a new area, written first). The number
 * stays, unless `params.keyslot` names another, free one.
 */
export async function changeKeyslot(
  _device: BlockDevice,
  _header: Luks2Header,
  _keyslot: number,
  _volumeKey: Secret,
  _passphrase: Secret,
  _params: KeyslotParams,
): Promise<KeyslotChange> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/**
 * Removes a keyslot: its metadata first, then its binary data is overwritten.
 *
 * @throws TscryptError NO_SUCH_OBJECT when there is no such keyslot
 */
export async function removeKeyslot(
  _device: BlockDevice,
  _header: Luks2Header,
  _keyslot: number,
): Promise<Luks2Header> {
  throw new TscryptError('INTERNAL', 'not written yet');
}
