/**
 * One chaining mode under one key, over one piece of a request. The IVs of the piece's sectors stand in the
 * arena already, and only the arena may be touched besides the piece.
 */
export interface PieceCipher {
  /** The most bytes it takes in one call. */
  readonly pieceSize: number;
  /**
   * @param piece whole encryption sectors, changed in place
   * @param sectors how many
   */
  encrypt(piece: Uint8Array, sectors: number): void;
  decrypt(piece: Uint8Array, sectors: number): void;
  /** Forgets the key. */
  dispose(): void;
}

/** Best for the modes that make a few passes over a piece: data, tweaks and OpenSSL's output stay in cache. */
export const PIECE_SIZE = 32 * 1024;
