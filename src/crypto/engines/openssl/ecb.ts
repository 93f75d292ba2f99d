import { findBlockCipher } from '../../block-cipher.ts';
import { createContexts, disposeContexts } from './cipher-context.ts';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';
import { MAX_PIECE } from './work-area.ts';

/**
 * ECB (NIST SP 800-38A, section 6.1): every block on its own.
 *
 * @returns undefined where OpenSSL does not have the cipher
 */
export function createEcb(openssl: Openssl, request: InPlaceModeRequest): InPlaceMode | undefined {
  const { cipher, key, sectorSize } = request;
  const ecb = findBlockCipher(cipher)?.openssl(key.length, 'ecb');
  if (ecb === undefined) return undefined;
  const contexts = createContexts(openssl, { encryptor: [ecb, key, true], decryptor: [ecb, key, false] });
  if (!contexts) return undefined;
  const { encryptor, decryptor } = contexts;
  return {
    pieceSize: MAX_PIECE,
    encrypt: (at, sectors) => encryptor.update(at, sectors * sectorSize),
    decrypt: (at, sectors) => decryptor.update(at, sectors * sectorSize),
    dispose: () => disposeContexts(contexts),
  };
}
