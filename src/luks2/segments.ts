import { isNullCipher, parseCipherSpec } from '../crypto/index.ts';
import type { Luks2Header } from './header.ts';
import type { CryptSegment, Metadata, Segment } from './metadata.ts';
import { isBackup } from './validate.ts';

/** Segments that make up the volume, in order, with their ids. */
export function regularSegments(header: Luks2Header): [id: string, segment: Segment][] {
  return Object.entries(header.metadata.segments)
    .sort(([a], [b]) => Number(a) - Number(b))
    .filter(([, segment]) => !isBackup(segment));
}

export function isCryptSegment(segment: Segment): segment is CryptSegment {
  return segment.type === 'crypt';
}

/**
 * Id of the segment whose key is *the* volume key: the first one; during reencryption the one kept as
 * `backup-final`.
 */
function defaultSegment(metadata: Metadata): string {
  const final = Object.entries(metadata.segments).find(([, { flags }]) => flags?.includes('backup-final'));
  return final?.[0] ?? '0';
}

/** Ids of the digests of the volume key. */
export function volumeDigests(metadata: Metadata): string[] {
  const segment = defaultSegment(metadata);
  return Object.keys(metadata.digests).filter((id) => metadata.digests[id]?.segments.includes(segment));
}

/** Ids of the digests that the key in this keyslot must satisfy. */
export function keyslotDigests(metadata: Metadata, keyslot: number | string): string[] {
  const id = String(keyslot);
  return Object.keys(metadata.digests).filter((digest) => metadata.digests[digest]?.keyslots.includes(id));
}

/** Whether the keyslot holds the key of some segment, not some other key stored beside the volume's. */
export function isBound(metadata: Metadata, keyslot: number | string): boolean {
  return keyslotDigests(metadata, keyslot).some((digest) => metadata.digests[digest]?.segments.length);
}

/** The cipher that keyslot areas use unless told otherwise; the volume's own if that encrypts at all. */
const DEFAULT_AREA_CIPHER = { cipher: 'aes-xts-plain64', keySize: 64 } as const;

export function areaCipher(
  encryption: string | undefined,
  volumeKeySize: number,
): { cipher: string; keySize: number } {
  if (encryption === undefined || isNullEncryption(encryption)) return DEFAULT_AREA_CIPHER;
  return { cipher: encryption, keySize: volumeKeySize };
}

/** Also where the cipher cannot be told: it cannot encrypt an area here either. */
function isNullEncryption(encryption: string): boolean {
  try {
    return isNullCipher(parseCipherSpec(encryption));
  } catch {
    return true;
  }
}
