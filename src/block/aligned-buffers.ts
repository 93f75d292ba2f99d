/**
 * Buffers that direct I/O (O_DIRECT) can use: their address is a multiple of the page size, which a plain
 * ArrayBuffer's is not. WebAssembly memory is mapped in whole pages, so slots of one small memory, shared by all
 * direct devices of the process, serve as bounce buffers; who finds none free waits for one.
 */
const SLOT_SIZE = 256 * 1024;
const SLOTS = 16;
const WASM_PAGE = 64 * 1024;

/** The part of the global WebAssembly that is used here: Node's types leave it to the browser's. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: {
    readonly initial: number;
    readonly maximum: number;
  }) => { readonly buffer: ArrayBuffer };
};

const free: Uint8Array<ArrayBuffer>[] = [];
const waiting: ((slot: Uint8Array<ArrayBuffer>) => void)[] = [];
let mapped = false;

function map(): void {
  mapped = true;
  const pages = (SLOT_SIZE * SLOTS) / WASM_PAGE;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  for (let slot = 0; slot < SLOTS; slot += 1) free.push(new Uint8Array(buffer, slot * SLOT_SIZE, SLOT_SIZE));
}

function acquire(): Promise<Uint8Array<ArrayBuffer>> {
  if (!mapped) map();
  const slot = free.pop();
  return slot ? Promise.resolve(slot) : new Promise((resolve) => waiting.push(resolve));
}

function release(slot: Uint8Array<ArrayBuffer>): void {
  const next = waiting.shift();
  if (next) next(slot);
  else free.push(slot);
}

export const AlignedBuffers = { acquire, release, slotSize: SLOT_SIZE } as const;
