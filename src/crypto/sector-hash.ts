/** What is hashed of each sector, and how. */
export interface SectorHashRequest {
  /** As LUKS and cryptsetup write it: `sha256`. */
  readonly hash: string;
  /** Makes it HMAC under that key. Borrowed for the call; an engine copies what it must keep. */
  readonly key?: Uint8Array | undefined;
  /** Bytes of a sector; any size. */
  readonly sectorSize: number;
  /** Hashed with each sector. Borrowed for the call. */
  readonly salt?: Uint8Array | undefined;
  /** The salt comes after the data instead of before it (dm-verity's hash version 0). */
  readonly saltAfter?: boolean;
  /** The number of the sector's first 512 bytes, as 64 bits, little-endian, comes before the data (dm-integrity). */
  readonly numbered?: boolean;
}

/** Digests of many sectors at a time, as dm-verity and dm-integrity have them. */
export interface SectorHash {
  /** Bytes of a digest. */
  readonly size: number;
  /**
   * @param data whole sectors
   * @param digests at least `size` bytes for each sector, filled one behind the other
   * @param sector number of the first 512 bytes of `data`; plays a part where sectors are numbered
   */
  digest(data: Uint8Array, digests: Uint8Array, sector?: number): void;
  /** Forgets key and salt. */
  dispose(): void;
}

/** How many sectors there are in `data`, having checked the arguments of {@link SectorHash.digest}. */
export function countSectors(
  data: Uint8Array,
  digests: Uint8Array,
  sectorSize: number,
  digestSize: number,
): number {
  const count = data.length / sectorSize;
  if (!Number.isInteger(count)) throw new RangeError(`${data.length} bytes are no whole sectors`);
  if (digests.length < count * digestSize) throw new RangeError('not enough room for the digests');
  return count;
}
