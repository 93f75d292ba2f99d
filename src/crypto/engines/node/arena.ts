import { IV_SIZE, type IvArea } from '../../iv/iv.ts';
import { createVectorMemory, instantiateVector, type Vector } from '../vector/vector.ts';

/** Requests are worked off in pieces of at most this many bytes; larger ones leave the CPU's caches. */
export const MAX_PIECE = 128 * 1024;
const MAX_SECTORS = MAX_PIECE / 512;

/** Byte offsets of the regions in the memory. */
export const IVS = 0;
export const DATA = 64 * 1024;
export const WORK = DATA + MAX_PIECE;
const END = WORK + MAX_PIECE;

/**
 * The one scratch memory of the engine. All work on a piece happens within one synchronous call, so every
 * cipher of the thread shares it; the data passes through, nothing is kept.
 */
class Arena {
  readonly vector: Vector;
  readonly bytes: Uint8Array;
  readonly ivs: IvArea;
  readonly #ivViews: Uint8Array[] = [];
  readonly #dataViews: Uint8Array[] = [];

  constructor() {
    const memory = createVectorMemory(END);
    const { buffer } = memory;
    this.vector = instantiateVector(memory);
    this.bytes = new Uint8Array(buffer);
    const size = MAX_SECTORS * IV_SIZE;
    this.ivs = {
      bytes: new Uint8Array(buffer, IVS, size),
      view: new DataView(buffer, IVS, size),
      plain64: (first, step, count) => this.vector.plain64(IVS, first, step, count),
    };
  }

  /** The first `count` IVs; views are made once for each size. */
  ivView(count: number): Uint8Array {
    this.#ivViews[count] ??= this.bytes.subarray(IVS, IVS + count * IV_SIZE);
    return this.#ivViews[count];
  }

  /** The first `length` bytes of the data; `length` is a multiple of 512. */
  dataView(length: number): Uint8Array {
    const index = length / 512;
    this.#dataViews[index] ??= this.bytes.subarray(DATA, DATA + length);
    return this.#dataViews[index];
  }

  wipe(): void {
    this.bytes.fill(0, 0, END);
  }
}

let shared: Arena | undefined;

/** The thread's arena, made at its first use. */
export function arena(): Arena {
  shared ??= new Arena();
  return shared;
}
