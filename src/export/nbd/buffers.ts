/**
 * Buffers used over and over on the data path. A slab holds what one read from the socket brought, or a
 * batch of replies; larger payloads get a buffer of their own, kept by size for the next one.
 */

/** Room every buffer has beyond a power of two, for the headers that go with a payload of that size. */
const HEADER_ROOM = 64;
const SMALLEST = 4096;
/** Bytes kept for later, over all sizes. */
const KEPT_MAX = 64 * 1024 * 1024;

export const SLAB_SIZE = 256 * 1024 + HEADER_ROOM;

export class BufferPool {
  readonly #free = new Map<number, Buffer[]>();
  #kept = 0;

  /** At least `length` bytes, of whatever content. */
  take(length: number): Buffer {
    const size = sizeClass(length);
    const buffer = this.#free.get(size)?.pop();
    if (!buffer) return Buffer.allocUnsafeSlow(size);
    this.#kept -= size;
    return buffer;
  }

  /** Gives back what {@link take} gave. */
  give(buffer: Buffer): void {
    const size = buffer.length;
    if (this.#kept + size > KEPT_MAX) return;
    this.#kept += size;
    const list = this.#free.get(size);
    if (list) list.push(buffer);
    else this.#free.set(size, [buffer]);
  }
}

function sizeClass(length: number): number {
  let size = SMALLEST;
  while (size + HEADER_ROOM < length) size *= 2;
  return size + HEADER_ROOM;
}
