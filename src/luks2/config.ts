import type { BlockDevice } from '../block/device.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';

/** Activation flags a header can make persistent, as `config.flags` names them. */
export type PersistentFlag =
  | 'allow-discards'
  | 'same-cpu-crypt'
  | 'submit-from-crypt-cpus'
  | 'no-journal'
  | 'no-read-workqueue'
  | 'no-write-workqueue'
  | 'high-priority';

/** @param uuid `undefined` = a new random one */
export async function setUuid(
  _device: BlockDevice,
  _header: Luks2Header,
  _uuid?: string,
): Promise<Luks2Header> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/** Sets label and subsystem; `undefined` leaves one as it is, `''` removes it. At most 47 bytes of UTF-8 each. */
export async function setLabels(
  _device: BlockDevice,
  _header: Luks2Header,
  _labels: { readonly label?: string | undefined; readonly subsystem?: string | undefined },
): Promise<Luks2Header> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

export async function setPriority(
  _device: BlockDevice,
  _header: Luks2Header,
  _keyslot: number,
  _priority: 'ignore' | 'normal' | 'prefer',
): Promise<Luks2Header> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/** Replaces the persistent activation flags. */
export async function setFlags(
  _device: BlockDevice,
  _header: Luks2Header,
  _flags: readonly PersistentFlag[],
): Promise<Luks2Header> {
  throw new TscryptError('INTERNAL', 'not written yet');
}
