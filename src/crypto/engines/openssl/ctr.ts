import { BLOCK_SIZE, findBlockCipher } from '../../block-cipher.ts';
import { CipherContext } from './cipher-context.ts';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';

const PIECE_SIZE = 64 * 1024;

/**
 * CTR (NIST SP 800-38A, section 6.5): the counters of all sectors are encrypted in one call.
 *
 * @returns undefined where OpenSSL does not have the cipher
 */
export function createCtr(openssl: Openssl, request: InPlaceModeRequest): InPlaceMode | undefined {
  const { cipher, key, sectorSize } = request;
  const ecb = findBlockCipher(cipher)?.openssl(key.length, 'ecb');
  const context = ecb === undefined ? undefined : CipherContext.create(openssl, ecb, key, true);
  if (!context) return undefined;
  const { vector, ivsAt, tweaksAt } = openssl.area;
  const blocks = sectorSize / BLOCK_SIZE;

  const run = (at: number, sectors: number): void => {
    const length = sectors * sectorSize;
    vector.counters(tweaksAt, ivsAt, sectors, blocks);
    context.update(tweaksAt, length);
    vector.xor(at, tweaksAt, length);
  };

  return { pieceSize: PIECE_SIZE, encrypt: run, decrypt: run, dispose: () => context.dispose() };
}
