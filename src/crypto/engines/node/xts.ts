import { BLOCK_SIZE, type BlockCipher } from '../../block-cipher.ts';
import { arena, DATA, IVS, WORK } from './arena.ts';
import { PIECE_SIZE, type PieceCipher } from './piece-cipher.ts';

/**
 * XTS (IEEE 1619-2018, section 5; NIST SP 800-38E) over any block cipher: the IVs of the whole piece are
 * encrypted in one call, their tweaks expanded and XORed into the data, the data goes through the cipher in
 * one call, and the tweaks are XORed in again. Equal halves of the key are no obstacle, as in the kernel.
 */
export function createXts(
  dataCipher: BlockCipher,
  tweakCipher: BlockCipher,
  sectorSize: number,
): PieceCipher {
  const scratch = arena();
  const { bytes, vector } = scratch;
  const blocks = sectorSize / BLOCK_SIZE;

  const run = (piece: Uint8Array, sectors: number, encrypting: boolean): void => {
    const { length } = piece;
    const data = scratch.dataView(length);
    bytes.set(tweakCipher.encrypt(scratch.ivView(sectors)), IVS);
    data.set(piece);
    vector.xtsBegin(DATA, WORK, IVS, sectors, blocks);
    data.set(encrypting ? dataCipher.encrypt(data) : dataCipher.decrypt(data));
    vector.xor(DATA, WORK, length);
    piece.set(data);
  };

  return {
    pieceSize: PIECE_SIZE,
    encrypt: (piece, sectors) => run(piece, sectors, true),
    decrypt: (piece, sectors) => run(piece, sectors, false),
    dispose() {
      dataCipher.dispose();
      tweakCipher.dispose();
    },
  };
}
