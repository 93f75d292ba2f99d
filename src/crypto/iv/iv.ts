/** Bytes of an IV; all block ciphers here have blocks of 16. */
export const IV_SIZE = 16;

/** Where IVs are written: the same memory twice, and a faster way for those that most volumes have. */
export interface IvArea {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Fills in `count` IVs: the numbers from `first` on, `step` apart, as 64 bits, little-endian, then zeroes. */
  plain64(first: number, step: number, count: number): void;
}

/** The IVs of a run of encryption sectors. */
export interface IvGenerator {
  /**
   * Writes `count` IVs of {@link IV_SIZE} bytes one behind the other.
   *
   * @param first the sector number that the first IV is made from
   * @param step difference between the numbers of one encryption sector and the next
   */
  fill(area: IvArea, first: number, step: number, count: number): void;
  /** Forgets keys, where there are any. */
  dispose?(): void;
}

/** The specification's block cipher, for IV modes that encrypt their IVs. */
export interface IvCipher {
  /** Encrypts the first `count` IVs of `area` in place, each on its own. */
  encrypt(area: IvArea, count: number): void;
  /** Forgets the key. */
  dispose(): void;
}

export interface IvContext {
  /** What stands behind the colon in the cipher specification. */
  readonly options: string | undefined;
  /** Chaining mode the IVs are for. */
  readonly mode: string;
  /** The kernel's block size of cipher and mode together: 1 for modes that make a stream cipher. */
  readonly blockSize: number;
  readonly sectorSize: number;
  /** Key of the data, borrowed for the call. */
  readonly key: Uint8Array;
  /** The specification's block cipher under another key, borrowed for the call. */
  createIvCipher(key: Uint8Array): IvCipher;
}

/** An IV mode of dm-crypt (`drivers/md/dm-crypt.c`, "Different IV generation algorithms"). */
export interface IvMode {
  readonly name: string;
  /** @throws TscryptError NOT_SUPPORTED or INVALID_ARGUMENT when it does not go with cipher, mode or options */
  create(context: IvContext): IvGenerator;
}

const TWO_32 = 0x1_0000_0000;

/** Writes a whole number below 2^53 as 64 bits, little-endian. */
export function putLe64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, (value / TWO_32) >>> 0, true);
}

/** Writes a whole number below 2^53 as 64 bits, big-endian. */
export function putBe64(view: DataView, at: number, value: number): void {
  view.setUint32(at, (value / TWO_32) >>> 0);
  view.setUint32(at + 4, value >>> 0);
}

/** The upper and lower half of `value * factor` modulo 2^64, for a factor up to 2^20. */
export function multiply64(value: number, factor: number): [high: number, low: number] {
  const low = (value >>> 0) * factor;
  const high = Math.floor(value / TWO_32) * factor + Math.floor(low / TWO_32);
  return [high >>> 0, low >>> 0];
}
