import { TscryptError } from '../errors.ts';
import { hashSize } from './hash.ts';
import { cryptoEngines } from './sector-ciphers.ts';
import type { SectorHash, SectorHashRequest } from './sector-hash.ts';

/**
 * A hash or HMAC of sectors, in the first engine that has it.
 *
 * @throws TscryptError NOT_SUPPORTED when the hash is unknown here; INVALID_ARGUMENT for sectors of no bytes
 */
export function createSectorHash(request: SectorHashRequest): SectorHash {
  const { hash, sectorSize } = request;
  hashSize(hash);
  if (!Number.isSafeInteger(sectorSize) || sectorSize < 1) {
    throw new TscryptError('INVALID_ARGUMENT', `Sectors of ${sectorSize} bytes are not possible.`, {
      details: { field: 'sectorSize', found: sectorSize },
    });
  }
  for (const engine of cryptoEngines()) {
    const made = engine.createHash?.(request);
    if (made) return made;
  }
  throw new TscryptError('NOT_SUPPORTED', `No crypto engine has sector hashes.`, { details: { hash } });
}
