import type { BlockDevice } from '../block/device.ts';
import { TscryptError } from '../errors.ts';
import type { HeaderCopy, Luks2Header } from './header.ts';

/** What the two copies on a device look like. */
export interface HeaderState {
  /** The newest valid header. */
  readonly header: Luks2Header;
  /** Copies that are missing, damaged, or older than `header`: `recoverHeader` rewrites them. */
  readonly repair: readonly HeaderCopy[];
}

/**
 * Reads both copies and chooses the newest valid one. Never writes.
 *
 * @throws TscryptError NOT_RECOGNISED no LUKS2 header at all; INVALID_FORMAT no copy is valid
 */
export async function examineHeader(_device: BlockDevice): Promise<HeaderState> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/** The header of {@link examineHeader}. */
export async function readHeader(device: BlockDevice): Promise<Luks2Header> {
  return (await examineHeader(device)).header;
}
