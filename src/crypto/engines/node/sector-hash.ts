import { createHash, createHmac, createSecretKey, type Hash, type Hmac, type KeyObject } from 'node:crypto';
import { TscryptError } from '../../../errors.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { hashSize, opensslHashName } from '../../hash.ts';
import { putLe64 } from '../../iv/iv.ts';
import { countSectors, type SectorHash, type SectorHashRequest } from '../../sector-hash.ts';

/** Hashes of sectors over `node:crypto`: an object and a few calls for each sector. */
export function createNodeSectorHash(request: SectorHashRequest): SectorHash {
  const { hash, sectorSize, saltAfter = false, numbered = false } = request;
  const size = hashSize(hash);
  const salt = request.salt?.slice();
  const before = saltAfter ? undefined : salt;
  const after = saltAfter ? salt : undefined;
  const number = new Uint8Array(8);
  const numberView = new DataView(number.buffer);
  let begin: (() => Hash | Hmac) | undefined = beginner(request, before);

  return {
    size,
    digest(data, digests, sector = 0) {
      if (!begin) throw new TscryptError('INTERNAL', 'hash used after it was disposed of');
      const count = countSectors(data, digests, sectorSize, size);
      for (let i = 0; i < count; i++) {
        const at = i * sectorSize;
        const state = begin();
        if (numbered) {
          putLe64(numberView, 0, sector + at / SECTOR_SIZE);
          state.update(number);
        }
        state.update(data.subarray(at, at + sectorSize));
        if (after) state.update(after);
        digests.set(state.digest(), i * size);
      }
    },
    dispose() {
      // Its key or state goes with the objects, whose memory Node zeroes.
      begin = undefined;
      salt?.fill(0);
    },
  };
}

/** Makes states that have taken the salt, if it comes first. */
function beginner({ hash, key }: SectorHashRequest, salt: Uint8Array | undefined): () => Hash | Hmac {
  const name = opensslHashName(hash);
  if (key) {
    const secret: KeyObject = createSecretKey(key);
    return () => (salt ? createHmac(name, secret).update(salt) : createHmac(name, secret));
  }
  const salted = createHash(name).update(salt ?? new Uint8Array(0));
  return () => salted.copy();
}
