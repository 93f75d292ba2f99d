/**
 * One chaining mode under one key, done in one way, upon arena memory. The IVs of the sectors stand in the work area
 * already, and are used up.
 */
export interface InPlaceMode {
  /** The most bytes it takes in one call. */
  readonly pieceSize: number;
  /** @param at offset in the arena's memory of `sectors` whole encryption sectors */
  encrypt(at: number, sectors: number): void;
  decrypt(at: number, sectors: number): void;
  /** Forgets the key. */
  dispose(): void;
}

/** What makes one. */
export interface InPlaceModeRequest {
  /** The kernel's name of the block cipher. */
  readonly cipher: string;
  /** Of the whole mode: both halves for XTS. Borrowed for the call. */
  readonly key: Uint8Array;
  readonly sectorSize: number;
}
