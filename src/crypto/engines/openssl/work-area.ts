import type { Arena } from '../../../arena.ts';
import { TscryptError } from '../../../errors.ts';
import type { ForeignLibrary } from '../../foreign-library.ts';
import { IV_SIZE, type IvArea } from '../../iv/iv.ts';
import { instantiateVector, type Vector } from '../vector/vector.ts';

/** The most bytes that are worked on at a time. */
export const MAX_PIECE = 128 * 1024;
const MAX_SECTORS = MAX_PIECE / 512;
const SMALL = 4096;

/**
 * What the engine keeps in the thread's arena, and the arena's memory as its methods see it: places in it ("at") are
 * offsets for WebAssembly; `base + at` is the address for OpenSSL. All work on a piece happens within one synchronous
 * call, so all ciphers of the thread share the area.
 */
export class WorkArea {
  readonly arena: Arena;
  readonly vector: Vector;
  /** The arena's whole memory. */
  readonly bytes: Uint8Array;
  /** Its address. It is valid because `arena` is referenced here. */
  readonly base: number;
  /** The IVs of a piece's sectors. */
  readonly ivs: IvArea;
  readonly ivsAt: number;
  /** For tweaks and the like: {@link MAX_PIECE} bytes. */
  readonly tweaksAt: number;
  /** For data that lies outside the arena: {@link MAX_PIECE} bytes. */
  readonly dataAt: number;
  /** Where OpenSSL writes lengths that nobody reads. */
  readonly lengthAddress: number;
  readonly #smallAt: number;
  readonly #whole: Uint8Array;
  readonly #views: Uint8Array[] = [];

  /** @throws TscryptError NOT_SUPPORTED where WebAssembly has no SIMD; OUT_OF_MEMORY when the arena is full */
  constructor(library: ForeignLibrary, arena: Arena) {
    const ivsSize = MAX_SECTORS * IV_SIZE;
    const block = arena.take(ivsSize + 2 * MAX_PIECE + SMALL);
    if (!block)
      throw new TscryptError('OUT_OF_MEMORY', 'There is no room in the arena for the crypto engine.');
    this.arena = arena;
    this.vector = instantiateVector(arena.memory);
    this.bytes = new Uint8Array(arena.buffer);
    this.base = library.address(this.bytes);
    this.#whole = block;
    this.ivsAt = block.byteOffset;
    this.ivs = {
      bytes: new Uint8Array(arena.buffer, this.ivsAt, ivsSize),
      view: new DataView(arena.buffer, this.ivsAt, ivsSize),
      plain64: (first, step, count) => this.vector.plain64(this.ivsAt, first, step, count),
    };
    this.tweaksAt = this.ivsAt + ivsSize;
    this.dataAt = this.tweaksAt + MAX_PIECE;
    this.#smallAt = this.dataAt + MAX_PIECE;
    this.lengthAddress = this.base + this.#smallAt;
  }

  /** The first `length` bytes, a multiple of 512, of the place for data; views are made once for each size. */
  dataView(length: number): Uint8Array {
    const index = length / 512;
    this.#views[index] ??= this.bytes.subarray(this.dataAt, this.dataAt + length);
    return this.#views[index];
  }

  /**
   * Shows key material to OpenSSL.
   *
   * @param use is given the address of a copy, which is zeroed afterwards
   */
  lend<T>(secret: Uint8Array, use: (address: number) => T): T {
    if (secret.length > MAX_PIECE) {
      throw new TscryptError('INVALID_ARGUMENT', `Keys of ${secret.length} bytes are not possible.`);
    }
    const copy = this.bytes.subarray(this.dataAt, this.dataAt + secret.length);
    try {
      copy.set(secret);
      return use(this.base + this.dataAt);
    } finally {
      copy.fill(0);
    }
  }

  /** @returns the address of the text for C, until the next call of anything here */
  text(text: string): number {
    const at = this.#smallAt + 64;
    this.bytes.set(Buffer.from(`${text}\0`, 'latin1'), at);
    return this.base + at;
  }

  /** Removes what the last piece has left: plaintext, tweaks, IVs. */
  wipe(): void {
    this.#whole.fill(0);
  }
}
