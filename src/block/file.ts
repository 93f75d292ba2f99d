import { TscryptError } from '../errors.ts';
import type { BlockDevice } from './device.ts';

export interface OpenFileOptions {
  readonly readOnly?: boolean;
  /** Bypass the page cache (O_DIRECT). */
  readonly direct?: boolean;
  /** Claim a block device for this process alone (O_EXCL); regular files are not affected. */
  readonly exclusive?: boolean;
}

/**
 * A regular file or a disk as a block device.
 *
 * @throws TscryptError NO_SUCH_DEVICE (missing or of the wrong kind), PERMISSION_DENIED, READ_ONLY,
 *   DEVICE_BUSY (`exclusive`), INVALID_ARGUMENT (`direct` where the file system has none)
 */
export async function openFile(path: string, _options: OpenFileOptions = {}): Promise<BlockDevice> {
  throw new TscryptError('NOT_SUPPORTED', `Not opened: ${path}.`);
}
