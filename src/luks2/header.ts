import type { Metadata } from './metadata.ts';

/**
 * One valid LUKS2 header, as read or about to be written. Plain data, never changed in place: the
 * functions that change a header return the new one, and the old object still describes what was there.
 */
export interface Luks2Header {
  readonly version: 2;
  /** Sequence number (epoch): grows by one with every write. */
  readonly seqid: number;
  /** Bytes of one copy: the binary header (4096) and its JSON area. The keyslots area follows both copies. */
  readonly hdrSize: number;
  readonly label: string;
  readonly subsystem: string;
  readonly uuid: string;
  /** Hash of the header checksum, `sha256`. */
  readonly checksumAlg: string;
  readonly metadata: Metadata;
}

/** Which of the two copies of a header. */
export type HeaderCopy = 'primary' | 'secondary';
