import { BLOCK_SIZE, type BlockCipher } from '../../block-cipher.ts';
import { arena, DATA, IVS, WORK } from './arena.ts';
import { PIECE_SIZE, type PieceCipher } from './piece-cipher.ts';

/** CTR (NIST SP 800-38A, section 6.5): a sector's IV is the first of its counters. */
export function createCtr(cipher: BlockCipher, sectorSize: number): PieceCipher {
  const scratch = arena();
  const { bytes, vector } = scratch;
  const blocks = sectorSize / BLOCK_SIZE;

  const run = (piece: Uint8Array, sectors: number): void => {
    const { length } = piece;
    const data = scratch.dataView(length);
    vector.counters(DATA, IVS, sectors, blocks);
    bytes.set(cipher.encrypt(data), WORK);
    data.set(piece);
    vector.xor(DATA, WORK, length);
    piece.set(data);
  };

  return { pieceSize: PIECE_SIZE, encrypt: run, decrypt: run, dispose: () => cipher.dispose() };
}
