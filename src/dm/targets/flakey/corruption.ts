import { CERTAIN, type CorruptByte, type FlakeyFeatures } from './args.ts';
import type { Xorshift } from './random.ts';

/**
 * The bits of a request (`bi_opf`, include/linux/blk_types.h of Linux 6.12) that the flags of `corrupt_bio_byte` are
 * compared with. Requests here are what the kernel makes of synchronous direct I/O.
 */
const REQ_OP_WRITE = 1;
const REQ_SYNC = 2 ** 11;
const REQ_IDLE = 2 ** 15;
const REQ_FUA = 2 ** 17;

export const READ_BITS = REQ_SYNC;

export function writeBits(fua: boolean): number {
  return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | (fua ? REQ_FUA : 0);
}

export function zeroesBits(fua: boolean): number {
  return REQ_OP_WRITE | REQ_SYNC | (fua ? REQ_FUA : 0);
}

/** What becomes of the data of requests in one direction while the target is down. */
export class Corruption {
  readonly #byte: CorruptByte | undefined;
  readonly #probability: number;
  readonly #random: Xorshift;

  constructor(direction: 'r' | 'w', features: FlakeyFeatures, random: Xorshift) {
    const { corruptByte, randomReadCorrupt, randomWriteCorrupt } = features;
    this.#byte = corruptByte?.direction === direction ? corruptByte : undefined;
    this.#probability = direction === 'r' ? randomReadCorrupt : randomWriteCorrupt;
    this.#random = random;
  }

  /** Whether it may ever change anything. */
  get possible(): boolean {
    return this.#byte !== undefined || this.#probability > 0;
  }

  /**
   * @param bits of the request
   * @param own `data` may be changed itself; otherwise a copy is, if anything is changed
   * @returns the request's data now
   */
  apply(data: Uint8Array, bits: number, own: boolean): Uint8Array {
    const byte = this.#matching(data.length, bits);
    const random = this.#strikes();
    if (!byte && !random) return data;
    return this.#change(own ? data : data.slice(), byte, random);
  }

  /** {@link apply} to `length` zeroes; undefined where they stay zeroes. */
  applyToZeroes(length: number, bits: number): Uint8Array | undefined {
    const byte = this.#matching(length, bits);
    const random = this.#strikes();
    if (!byte && !random) return undefined;
    return this.#change(new Uint8Array(length), byte, random);
  }

  #matching(length: number, bits: number): CorruptByte | undefined {
    const byte = this.#byte;
    if (!byte || byte.nth > length) return undefined;
    return (bits & byte.flags) >>> 0 === byte.flags ? byte : undefined;
  }

  #strikes(): boolean {
    return this.#probability > 0 && this.#random.below(CERTAIN) < this.#probability;
  }

  #change(data: Uint8Array, byte: CorruptByte | undefined, random: boolean): Uint8Array {
    if (byte) data[byte.nth - 1] = byte.value;
    if (random) data[this.#random.below(data.length)] = this.#random.below(256);
    return data;
  }
}
