/**
 * One thread's memory for the data of requests: a WebAssembly memory of fixed size, whose address therefore never
 * changes. The kernel reads and writes it, WebAssembly and foreign functions work on it in place, and its pages are
 * aligned for direct I/O. What is not touched takes no memory.
 */
export class Arena {
  /** For WebAssembly modules that import their memory. */
  readonly memory: WebAssemblyMemory;
  readonly buffer: ArrayBuffer;
  /** Free blocks of each order, as offsets. */
  readonly #free: number[][];
  /** The order of each block in use, by its first page. */
  readonly #orders: Uint8Array;

  constructor(size = ARENA_SIZE) {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
    const pages = size / WASM_PAGE;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.buffer = this.memory.buffer;
    this.#free = Array.from({ length: TOP_ORDER + 1 }, () => []);
    this.#orders = new Uint8Array(size / PAGE_SIZE);
    for (let at = size - LARGEST; at >= 0; at -= LARGEST) this.#free[TOP_ORDER]?.push(at);
  }

  /**
   * A page-aligned buffer of exactly `length` bytes, of whatever content.
   *
   * @returns undefined when the arena has no room, or `length` is more than 32 MiB: use ordinary memory then
   */
  take(length: number): Buffer<ArrayBuffer> | undefined {
    let order = 0;
    while (PAGE_SIZE << order < length) order += 1;
    if (order > TOP_ORDER) return undefined;
    const at = this.#allocate(order);
    if (at === undefined) return undefined;
    this.#orders[at / PAGE_SIZE] = order + 1;
    return Buffer.from(this.buffer, at, length);
  }

  /** Takes back what {@link take} gave. Its content stays until it is used again. */
  give(bytes: Uint8Array): void {
    let at = bytes.byteOffset;
    const mark = this.#orders[at / PAGE_SIZE];
    if (bytes.buffer !== this.buffer || !mark) throw new Error('not a buffer of this arena');
    this.#orders[at / PAGE_SIZE] = 0;
    let order = mark - 1;
    for (; order < TOP_ORDER; order += 1) {
      const list = this.#free[order] as number[];
      const buddy = list.indexOf(at ^ (PAGE_SIZE << order));
      if (buddy < 0) break;
      list.splice(buddy, 1);
      at &= ~(PAGE_SIZE << order);
    }
    this.#free[order]?.push(at);
  }

  /** Whether these bytes can be worked on in place. */
  holds(bytes: Uint8Array): boolean {
    return bytes.buffer === this.buffer;
  }

  #allocate(order: number): number | undefined {
    let found = order;
    while (found <= TOP_ORDER && this.#free[found]?.length === 0) found += 1;
    const at = this.#free[found]?.pop();
    if (at === undefined) return undefined;
    while (found > order) {
      found -= 1;
      this.#free[found]?.push(at + (PAGE_SIZE << found));
    }
    return at;
  }
}

/** The part of WebAssembly used here: Node's types leave it to the browser's. */
export interface WebAssemblyMemory {
  readonly buffer: ArrayBuffer;
}

interface WebAssemblyApi {
  readonly Memory: new (descriptor: {
    readonly initial: number;
    readonly maximum: number;
  }) => WebAssemblyMemory;
}

const WASM_PAGE = 64 * 1024;
const PAGE_SIZE = 4096;
/** Blocks are powers of two of pages, up to 32 MiB: the largest request of an NBD client. */
const TOP_ORDER = 13;
const LARGEST = PAGE_SIZE << TOP_ORDER;
const ARENA_SIZE = 8 * LARGEST;

let shared: Arena | null | undefined;

/** This thread's arena, made at its first use; undefined where Node runs without WebAssembly (--jitless). */
export function arena(): Arena | undefined {
  if (shared === undefined) {
    try {
      shared = new Arena();
    } catch {
      shared = null;
    }
  }
  return shared ?? undefined;
}
