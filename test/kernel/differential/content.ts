import { createHash } from 'node:crypto';
import { SECTOR_SIZE } from '../../../src/units.ts';

/** Bytes that are the same in every run, here and in the guest (disks.py). */
export function noise(seed: string, size: number): Uint8Array {
  return new Uint8Array(createHash('shake128', { outputLength: size }).update(seed).digest());
}

/** What an answer shows of data. */
export function fingerprint(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 16);
}

/** Sectors of a device's content that are compared in one. */
export const PIECE = 128;

/** A disk's content, piece by piece. */
export function fingerprints(content: Uint8Array): string[] {
  const size = PIECE * SECTOR_SIZE;
  const pieces = Math.ceil(content.length / size);
  return Array.from({ length: pieces }, (_, index) =>
    fingerprint(content.subarray(index * size, (index + 1) * size)),
  );
}
