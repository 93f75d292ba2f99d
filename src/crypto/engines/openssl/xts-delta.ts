import { SECTOR_SIZE } from '../../../units.ts';
import { BLOCK_SIZE, findBlockCipher } from '../../block-cipher.ts';
import { IV_SIZE } from '../../iv/iv.ts';
import { type CipherContext, createContexts, disposeContexts } from './cipher-context.ts';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';

/** Far below the largest data unit of XTS, 2^20 blocks (NIST SP 800-38E), which OpenSSL insists on. */
const PIECE_SIZE = 64 * 1024;

/**
 * XTS over many sectors as one data unit with the first sector's IV. The tweaks of the others are wrong then, but by a
 * known amount: the tweaks of sector s are T_s a^j, for the j-th block, and in the unit they are T_0 a^(sn) a^j, for
 * sectors of n blocks. XTS XORs its tweak before and after the cipher, so that XORing the difference, (T_s + T_0
 * a^(sn)) a^j, into the data before and after the call puts them right. It pays where OpenSSL's XTS is faster than
 * its ECB (with vectors of AES blocks, from OpenSSL 3.5 on).
 *
 * @returns undefined where OpenSSL does not have the cipher in XTS, or refuses the key
 */
export function createXtsDelta(openssl: Openssl, request: InPlaceModeRequest): InPlaceMode | undefined {
  const { cipher, key, sectorSize } = request;
  const half = key.length / 2;
  const algorithm = findBlockCipher(cipher);
  if (!algorithm) return undefined;
  const xts = algorithm.openssl(half, 'xts');
  const contexts = createContexts(openssl, {
    encryptor: [xts, key, true],
    decryptor: [xts, key, false],
    tweaks: [algorithm.openssl(half, 'ecb'), key.subarray(half), true],
  });
  if (!contexts) return undefined;
  const { encryptor, decryptor, tweaks } = contexts;
  const { vector, ivsAt } = openssl.area;
  const blocks = sectorSize / BLOCK_SIZE;
  const steps = sectorSize / SECTOR_SIZE;

  const run = (context: CipherContext, at: number, sectors: number): void => {
    context.restart(ivsAt);
    if (sectors > 1) {
      tweaks.update(ivsAt, sectors * IV_SIZE);
      vector.xtsDeltas(ivsAt, sectors, steps);
      vector.xtsFold(at, ivsAt, sectors, blocks);
      context.update(at, sectors * sectorSize);
      vector.xtsFold(at, ivsAt, sectors, blocks);
    } else {
      context.update(at, sectorSize);
    }
  };

  return {
    pieceSize: PIECE_SIZE,
    encrypt: (at, sectors) => run(encryptor, at, sectors),
    decrypt: (at, sectors) => run(decryptor, at, sectors),
    dispose: () => disposeContexts(contexts),
  };
}
