import { BLOCK_SIZE, findBlockCipher } from '../../block-cipher.ts';
import { IV_SIZE } from '../../iv/iv.ts';
import { type CipherContext, createContexts, disposeContexts } from './cipher-context.ts';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';

/** Data and tweaks together stay in the caches next to the processor. */
const PIECE_SIZE = 64 * 1024;

/**
 * XTS (IEEE 1619-2018, section 5) by hand over any block cipher: one call encrypts all IVs, one all the data; the tweaks
 * between are WebAssembly's. It does not mind equal halves of the key, which OpenSSL's XTS does not encrypt with.
 *
 * @returns undefined where OpenSSL does not have the cipher
 */
export function createXtsHand(openssl: Openssl, request: InPlaceModeRequest): InPlaceMode | undefined {
  const { cipher, key, sectorSize } = request;
  const half = key.length / 2;
  const ecb = findBlockCipher(cipher)?.openssl(half, 'ecb');
  if (!ecb) return undefined;
  const contexts = createContexts(openssl, {
    encryptor: [ecb, key.subarray(0, half), true],
    decryptor: [ecb, key.subarray(0, half), false],
    tweaks: [ecb, key.subarray(half), true],
  });
  if (!contexts) return undefined;
  const { encryptor, decryptor, tweaks } = contexts;
  const { vector, ivsAt, tweaksAt } = openssl.area;
  const blocks = sectorSize / BLOCK_SIZE;

  const run = (context: CipherContext, at: number, sectors: number): void => {
    const length = sectors * sectorSize;
    tweaks.update(ivsAt, sectors * IV_SIZE);
    vector.xtsBegin(at, tweaksAt, ivsAt, sectors, blocks);
    context.update(at, length);
    vector.xor(at, tweaksAt, length);
  };

  return {
    pieceSize: PIECE_SIZE,
    encrypt: (at, sectors) => run(encryptor, at, sectors),
    decrypt: (at, sectors) => run(decryptor, at, sectors),
    dispose: () => disposeContexts(contexts),
  };
}
