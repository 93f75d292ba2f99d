import { BLOCK_SIZE, type BlockCipher } from '../../block-cipher.ts';
import { IV_SIZE } from '../../iv/iv.ts';
import { arena, DATA, IVS, MAX_PIECE, WORK } from './arena.ts';
import type { CbcChain } from './ecb-cipher.ts';
import type { PieceCipher } from './piece-cipher.ts';

/**
 * CBC (NIST SP 800-38A, section 6.2), each encryption sector a chain of its own.
 *
 * Decryption is one ECB call over the piece and one XOR with the ciphertext shifted by a block. Encryption is
 * serial within a sector, but sectors are independent: where there are many, one ECB call takes the same
 * block of every sector, so that there are as many calls as a sector has blocks; where there are few, each
 * sector is one call of OpenSSL's CBC.
 *
 * @param cipher disposed of with the result, as is `chain`
 */
export function createCbc(cipher: BlockCipher, chain: CbcChain, sectorSize: number): PieceCipher {
  const scratch = arena();
  const { bytes, vector } = scratch;
  const blocks = sectorSize / BLOCK_SIZE;
  /** The last ciphertext block, to which OpenSSL chains the next. */
  const last = new Uint8Array(BLOCK_SIZE);

  const encryptColumns = (piece: Uint8Array, sectors: number): void => {
    const data = scratch.dataView(piece.length);
    const column = scratch.ivView(sectors);
    data.set(piece);
    for (let at = DATA; at < DATA + sectorSize; at += BLOCK_SIZE) {
      vector.gatherXor(at, IVS, sectors, sectorSize);
      column.set(cipher.encrypt(column));
      vector.scatter(at, IVS, sectors, sectorSize);
    }
    piece.set(data);
  };

  const encryptSectors = (piece: Uint8Array, sectors: number): void => {
    const data = scratch.dataView(sectorSize);
    for (let sector = 0, at = 0; sector < sectors; sector++, at += sectorSize) {
      const whole = sectors === 1 ? piece : piece.subarray(at, at + sectorSize);
      data.set(whole);
      // OpenSSL will XOR `last` into the first block; XORed here already, it vanishes and leaves the IV.
      const iv = IVS + sector * IV_SIZE;
      for (let i = 0; i < BLOCK_SIZE; i++) {
        data[i] = (data[i] ?? 0) ^ (bytes[iv + i] ?? 0) ^ (last[i] ?? 0);
      }
      whole.set(chain.encrypt(data));
      for (let i = 0; i < BLOCK_SIZE; i++) last[i] = whole[sectorSize - BLOCK_SIZE + i] ?? 0;
    }
  };

  return {
    pieceSize: MAX_PIECE,

    encrypt(piece, sectors) {
      if (sectors >= blocks) encryptColumns(piece, sectors);
      else encryptSectors(piece, sectors);
    },

    decrypt(piece, sectors) {
      const data = scratch.dataView(piece.length);
      bytes.set(piece, WORK);
      data.set(cipher.decrypt(piece));
      vector.cbcEnd(DATA, WORK, IVS, sectors, blocks);
      piece.set(data);
    },

    dispose() {
      cipher.dispose();
      chain.dispose();
    },
  };
}
