import type { BlockDevice } from '../block/device.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';

/**
 * Writes both copies atomically: sequence number + 1, a new salt each, secondary, flush, primary, flush.
 * Refused before anything is written when the header is invalid or its JSON does not fit.
 *
 * @returns the header as it is on the device now
 */
export async function writeHeader(_device: BlockDevice, _header: Luks2Header): Promise<Luks2Header> {
  throw new TscryptError('INTERNAL', 'not written yet');
}
