import type { BlockCipher } from '../../block-cipher.ts';
import { PIECE_SIZE, type PieceCipher } from './piece-cipher.ts';

/** ECB (NIST SP 800-38A, section 6.1): every block on its own. */
export function createEcb(cipher: BlockCipher): PieceCipher {
  return {
    pieceSize: PIECE_SIZE,
    encrypt: (piece) => piece.set(cipher.encrypt(piece)),
    decrypt: (piece) => piece.set(cipher.decrypt(piece)),
    dispose: () => cipher.dispose(),
  };
}
