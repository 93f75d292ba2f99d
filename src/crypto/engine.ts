import type { CipherSpec } from './cipher-spec.ts';
import type { SectorCipher } from './sector-cipher.ts';
import type { SectorHash, SectorHashRequest } from './sector-hash.ts';

/** What an engine is asked for; checked already: cipher, mode and IV are known, the key's size is right. */
export interface SectorCipherRequest {
  readonly spec: CipherSpec;
  /** Borrowed for the call; an engine copies what it must keep. */
  readonly key: Uint8Array;
  /** Bytes: 512, 1024, 2048 or 4096. */
  readonly sectorSize: number;
  /** IVs count encryption sectors instead of 512-byte sectors. */
  readonly largeSectorIv: boolean;
}

/**
 * A way to compute sector ciphers. Engines are asked in the order of their registry; the portable one, over
 * `node:crypto`, stands last and does everything this build supports. A faster one (through a foreign
 * function interface, say) goes in front with `useCryptoEngine` and takes what it is good at.
 */
export interface CryptoEngine {
  readonly name: string;
  /** A cipher, or undefined where this engine does not do that combination. */
  create(request: SectorCipherRequest): SectorCipher | undefined;
  /** The same for hashes of sectors; the hash is known and the sector not empty. */
  createHash?(request: SectorHashRequest): SectorHash | undefined;
}
