import { SECTOR_SIZE } from '../../../units.ts';
import type { SectorCipherRequest } from '../../engine.ts';
import type { SectorCipher } from '../../sector-cipher.ts';
import { checkRequest } from './pieced.ts';

/**
 * dm-crypt's `cipher:N-…`: the key is N keys one behind the other, and the number of each encryption sector's
 * first 512-byte sector, modulo N, says which is used.
 */
export function createMultiKey(
  request: SectorCipherRequest,
  create: (request: SectorCipherRequest) => SectorCipher,
): SectorCipher {
  const { spec, key, sectorSize } = request;
  const { keyCount } = spec;
  const size = key.length / keyCount;
  const single = { ...spec, keyCount: 1 };
  const ciphers = Array.from({ length: keyCount }, (_, i) =>
    create({ ...request, spec: single, key: key.subarray(i * size, (i + 1) * size) }),
  );
  const perSector = sectorSize / SECTOR_SIZE;

  const run = (data: Uint8Array, sector: number, encrypting: boolean): void => {
    checkRequest(data, sector, sectorSize);
    for (let at = 0, now = sector; at < data.length; at += sectorSize, now += perSector) {
      const cipher = ciphers[now % keyCount];
      const piece = data.subarray(at, at + sectorSize);
      if (encrypting) cipher?.encrypt(piece, now);
      else cipher?.decrypt(piece, now);
    }
  };

  return {
    sectorSize,
    encrypt: (data, sector) => run(data, sector, true),
    decrypt: (data, sector) => run(data, sector, false),
    dispose() {
      for (const cipher of ciphers) cipher.dispose();
    },
  };
}
