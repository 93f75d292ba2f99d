/**
 * Encryption of whole sectors in place, as dm-crypt and the LUKS keyslot areas do it. One interface
 * for every engine, so that a faster one can take a slower one's place without its users knowing.
 */
export interface SectorCipher {
  /** Bytes of one encryption sector: 512, 1024, 2048 or 4096. */
  readonly sectorSize: number;
  /**
   * Encrypts `data` in place.
   *
   * @param data whole encryption sectors
   * @param sector number of the first 512-byte sector, already including any IV offset; the IV of each
   *   encryption sector follows from it (divided by sectorSize/512 with large-sector IVs)
   */
  encrypt(data: Uint8Array, sector: number): void;
  decrypt(data: Uint8Array, sector: number): void;
  /** Forgets the key. */
  dispose(): void;
}
