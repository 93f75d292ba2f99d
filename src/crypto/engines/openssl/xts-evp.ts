import { findBlockCipher } from '../../block-cipher.ts';
import { createContexts, disposeContexts } from './cipher-context.ts';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';
import { MAX_PIECE } from './work-area.ts';

/**
 * XTS as OpenSSL offers it: an IV and a call for each sector. What calls cost weighs little upon large sectors.
 *
 * @returns undefined where OpenSSL does not have the cipher in XTS, or refuses the key
 */
export function createXtsEvp(openssl: Openssl, request: InPlaceModeRequest): InPlaceMode | undefined {
  const { cipher, key, sectorSize } = request;
  const name = findBlockCipher(cipher)?.openssl(key.length / 2, 'xts');
  if (!name) return undefined;
  const contexts = createContexts(openssl, {
    encryptor: [name, key, true],
    decryptor: [name, key, false],
  });
  if (!contexts) return undefined;
  const { encryptor, decryptor } = contexts;
  const { ivsAt } = openssl.area;
  return {
    pieceSize: MAX_PIECE,
    encrypt: (at, sectors) => encryptor.updateSectors(at, sectorSize, ivsAt, sectors),
    decrypt: (at, sectors) => decryptor.updateSectors(at, sectorSize, ivsAt, sectors),
    dispose: () => disposeContexts(contexts),
  };
}
