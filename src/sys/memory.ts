import { TscryptError } from '../errors.ts';
import { type Libc, libc } from './ffi.ts';

/**
 * Memory for secrets: private mappings outside every heap, locked into RAM as far as RLIMIT_MEMLOCK
 * goes, left out of core dumps, zero in forked children. Has the shape of crypto's `SecretAllocator`.
 *
 * Nothing is ever unmapped (a view that outlives its secret must not crash the process). Freed memory is
 * reused, the longest-free slot first, and only if it is still zero: a slot somebody wrote to after
 * releasing it is retired.
 */
export interface SecretMemory {
  allocate(length: number): Uint8Array<ArrayBuffer>;
  release(memory: Uint8Array<ArrayBuffer>): void;
  /** Bytes mapped, and how many of them the kernel has locked into RAM. */
  readonly mapped: number;
  readonly locked: number;
}

const PAGE = 4096;
const ARENA = 16 * PAGE;
const SMALLEST = 32;
const LARGEST_SLOT = 4096;

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MADV_DONTDUMP = 16;
const MADV_WIPEONFORK = 18;

interface Slot {
  readonly address: number;
  readonly size: number;
}

/** undefined where there are no foreign functions. */
export function createSecretMemory(): SecretMemory | undefined {
  const c = libc();
  return c && new Slab(c);
}

class Slab implements SecretMemory {
  mapped = 0;
  locked = 0;
  readonly #c: Libc;
  /** Free slots by size, oldest first. */
  readonly #free = new Map<number, Slot[]>();
  readonly #used = new Map<ArrayBuffer, Slot>();

  constructor(c: Libc) {
    this.#c = c;
    this.#refill(SMALLEST * 2);
  }

  allocate(length: number): Uint8Array<ArrayBuffer> {
    const size = slotSize(length);
    const slot = this.#take(size);
    // A view of its own for each secret: its buffer shows nothing of the neighbours.
    const buffer = this.#c.view(slot.address, Math.max(length, 1));
    this.#used.set(buffer, slot);
    return new Uint8Array(buffer, 0, length);
  }

  release(memory: Uint8Array<ArrayBuffer>): void {
    const slot = this.#used.get(memory.buffer);
    if (!slot) throw new TscryptError('INTERNAL', 'secret memory released twice, or not from this allocator');
    this.#used.delete(memory.buffer);
    new Uint8Array(this.#c.view(slot.address, slot.size)).fill(0);
    this.#freeList(slot.size).push(slot);
  }

  #take(size: number): Slot {
    for (;;) {
      const slot = this.#freeList(size).shift();
      if (!slot) this.#refill(size);
      else if (new Uint8Array(this.#c.view(slot.address, size)).every((byte) => byte === 0)) return slot;
    }
  }

  #freeList(size: number): Slot[] {
    const list = this.#free.get(size) ?? [];
    this.#free.set(size, list);
    return list;
  }

  #refill(size: number): void {
    const length = Math.max(size, ARENA);
    const start = this.#map(length);
    const list = this.#freeList(size);
    for (let at = 0; at + size <= length; at += size) list.push({ address: start + at, size });
  }

  #map(length: number): number {
    const address = this.#c.mmap(0, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    if (address === -1)
      throw new TscryptError('OUT_OF_MEMORY', 'Not enough memory for secrets.', { details: { length } });
    this.mapped += length;
    this.#c.madvise(address, length, MADV_DONTDUMP);
    this.#c.madvise(address, length, MADV_WIPEONFORK);
    if (this.#c.mlock(address, length) === 0) this.locked += length;
    return address;
  }
}

function slotSize(length: number): number {
  if (length > LARGEST_SLOT) return Math.ceil(length / PAGE) * PAGE;
  let size = SMALLEST;
  while (size < length) size *= 2;
  return size;
}
