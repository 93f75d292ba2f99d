import { BLOCK_SIZE, findBlockCipher } from '../../block-cipher.ts';
import { IV_SIZE } from '../../iv/iv.ts';
import { createContexts, disposeContexts } from './cipher-context.ts';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';
import { MAX_PIECE } from './work-area.ts';

/** From so many sectors on, a call for each block of all of them is faster than a chain for each of them. */
const COLUMNS_FROM = 12;

/**
 * CBC (NIST SP 800-38A, section 6.2), each encryption sector a chain of its own.
 *
 * Decryption is one call over all sectors, as if they were one chain; their first blocks then have the ciphertext block
 * before them XORed in, where their IV should be. Encryption is serial within a sector, which leaves most of the
 * processor's AES unit idle; where there are many sectors, one call takes the same block of every one of them.
 *
 * @returns undefined where OpenSSL does not have the cipher
 */
export function createCbc(openssl: Openssl, request: InPlaceModeRequest): InPlaceMode | undefined {
  const { cipher, key, sectorSize } = request;
  const algorithm = findBlockCipher(cipher);
  if (!algorithm) return undefined;
  const cbc = algorithm.openssl(key.length, 'cbc');
  const contexts = createContexts(openssl, {
    encryptor: [cbc, key, true],
    decryptor: [cbc, key, false],
    columns: [algorithm.openssl(key.length, 'ecb'), key, true],
  });
  if (!contexts) return undefined;
  const { encryptor, decryptor, columns } = contexts;
  const { vector, ivsAt } = openssl.area;

  return {
    pieceSize: MAX_PIECE,

    encrypt(at, sectors) {
      if (sectors < COLUMNS_FROM) {
        encryptor.updateSectors(at, sectorSize, ivsAt, sectors);
        return;
      }
      for (let block = at; block < at + sectorSize; block += BLOCK_SIZE) {
        vector.gatherXor(block, ivsAt, sectors, sectorSize);
        columns.update(ivsAt, sectors * IV_SIZE);
        vector.scatter(block, ivsAt, sectors, sectorSize);
      }
    },

    decrypt(at, sectors) {
      decryptor.restart(ivsAt);
      vector.gatherXor(at + sectorSize - BLOCK_SIZE, ivsAt + IV_SIZE, sectors - 1, sectorSize);
      decryptor.update(at, sectors * sectorSize);
      vector.scatterXor(at + sectorSize, ivsAt + IV_SIZE, sectors - 1, sectorSize);
    },

    dispose: () => disposeContexts(contexts),
  };
}
