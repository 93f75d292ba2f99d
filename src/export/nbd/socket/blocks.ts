import { arena } from '../../../arena.ts';
import { addressOf } from '../../../sys/address.ts';

const PAGE = 4096;
/** Bytes kept for the next requests, over all sizes; more goes back to the arena. */
const KEPT_MAX = 32 * 1024 * 1024;
/** Views kept of a block; a power of two. */
const VIEWS = 256;

/**
 * Memory for data on its way, page aligned, that the kernel reads and writes in place. Whoever needs it pins it; it
 * is used again when nobody does.
 */
export class Block {
  readonly bytes: Buffer;
  readonly address: number;
  readonly size: number;
  readonly #pool: Blocks;
  /** Views of parts, by a hash of place and length: the same are asked for again and again. */
  readonly #views: (Buffer | undefined)[] = [];
  #data: DataView | undefined;
  pins = 0;

  constructor(bytes: Buffer, pool: Blocks) {
    this.bytes = bytes;
    this.address = addressOf(bytes);
    this.size = bytes.length;
    this.#pool = pool;
  }

  get data(): DataView {
    this.#data ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.size);
    return this.#data;
  }

  /** `length` bytes from `at` on. */
  view(at: number, length: number): Buffer {
    const slot = ((at >>> 12) + (at >>> 2) + (length >>> 9)) & (VIEWS - 1);
    const found = this.#views[slot];
    if (found && found.length === length && found.byteOffset === this.bytes.byteOffset + at) return found;
    const made = this.bytes.subarray(at, at + length);
    this.#views[slot] = made;
    return made;
  }

  pin(): void {
    this.pins += 1;
  }

  unpin(): void {
    this.pins -= 1;
    if (this.pins === 0) this.#pool.give(this);
  }
}

/** The blocks of a thread, kept by size. */
export class Blocks {
  readonly #free = new Map<number, Block[]>();
  #kept = 0;

  /** A block of at least `length` bytes, pinned once. */
  take(length: number): Block {
    let size = PAGE;
    while (size < length) size *= 2;
    const kept = this.#free.get(size)?.pop();
    if (kept) this.#kept -= size;
    const block = kept ?? new Block(arena()?.take(size) ?? Buffer.allocUnsafeSlow(size), this);
    block.pins = 1;
    return block;
  }

  /** For {@link Block.unpin}. */
  give(block: Block): void {
    const { size } = block;
    if (this.#kept + size > KEPT_MAX) {
      if (arena()?.holds(block.bytes)) arena()?.give(block.bytes);
      return;
    }
    this.#kept += size;
    const list = this.#free.get(size);
    if (list) list.push(block);
    else this.#free.set(size, [block]);
  }
}

let shared: Blocks | undefined;

/** The blocks that all connections of this thread share. */
export function threadBlocks(): Blocks {
  shared ??= new Blocks();
  return shared;
}
