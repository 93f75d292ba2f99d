import type { CipherSpec } from './cipher-spec.ts';
import type { CryptoEngine } from './engine.ts';
import type { SectorCipher } from './sector-cipher.ts';

export interface SectorCipherOptions {
  readonly spec: CipherSpec | string;
  readonly key: Uint8Array;
  readonly sectorSize: number;
  readonly largeSectorIv?: boolean;
}
export declare function createSectorCipher(options: SectorCipherOptions): SectorCipher;
export declare function validKeySizes(spec: CipherSpec | string): number[];
export declare function useCryptoEngine(engine: CryptoEngine): void;
