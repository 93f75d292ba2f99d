import type { SectorCipher } from '../../sector-cipher.ts';
import { checkRequest } from './pieced.ts';

/** `cipher_null`: data stays as it is. */
export function createNull(sectorSize: number): SectorCipher {
  const run = (data: Uint8Array, sector: number): void => checkRequest(data, sector, sectorSize);
  return { sectorSize, encrypt: run, decrypt: run, dispose: () => {} };
}
