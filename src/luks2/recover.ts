import type { BlockDevice } from '../block/device.ts';
import { TscryptError } from '../errors.ts';
import type { HeaderState } from './read.ts';

/**
 * Rewrites the copy that is missing, damaged or older from the good one. `repair` in the result names
 * what has been rewritten.
 */
export async function recoverHeader(_device: BlockDevice): Promise<HeaderState> {
  throw new TscryptError('INTERNAL', 'not written yet');
}
