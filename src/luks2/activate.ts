import type { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import type { TableSpec } from '../table/spec.ts';
import type { PersistentFlag } from './config.ts';
import type { Luks2Header } from './header.ts';

export interface CryptTableOptions {
  /** The data device as the table shall name it. */
  readonly device: string;
  /** Bytes of the data device; the last segment may be `dynamic`. */
  readonly dataSize: number;
  /** Borrowed: the table holds a copy of its own. */
  readonly volumeKey: Secret;
  /** Flags besides those the header makes persistent. */
  readonly flags?: readonly PersistentFlag[];
}

/**
 * The device-mapper table of the volume: one line a segment.
 *
 * @throws TscryptError REQUIREMENT_UNMET, NOT_SUPPORTED (a kind of segment without a table), DEVICE_TOO_SMALL
 */
export function cryptTable(_header: Luks2Header, _options: CryptTableOptions): TableSpec {
  throw new TscryptError('INTERNAL', 'not written yet');
}
