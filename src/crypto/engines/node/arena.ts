import { TscryptError } from '../../../errors.ts';
import { IV_SIZE, type IvArea } from '../../iv/iv.ts';
import { VECTOR_WASM } from './vector-wasm.ts';

/** What is used of the global, which the type definitions of ES and Node leave out. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** The functions of `vector.wat`; see there. */
interface Vector {
  readonly memory: { readonly buffer: ArrayBuffer };
  xtsBegin(data: number, tweaks: number, ivs: number, sectors: number, blocks: number): void;
  xor(data: number, mask: number, length: number): void;
  cbcEnd(data: number, cipher: number, ivs: number, sectors: number, blocks: number): void;
  gatherXor(data: number, column: number, sectors: number, size: number): void;
  scatter(data: number, column: number, sectors: number, size: number): void;
  counters(out: number, ivs: number, sectors: number, blocks: number): void;
}

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
    this.vector = instantiate();
    const { buffer } = this.vector.memory;
    this.bytes = new Uint8Array(buffer);
    const size = MAX_SECTORS * IV_SIZE;
    this.ivs = { bytes: new Uint8Array(buffer, IVS, size), view: new DataView(buffer, IVS, size) };
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

/** @throws TscryptError NOT_SUPPORTED on a CPU without SIMD, or when Node runs without its compiler */
function instantiate(): Vector {
  const { WebAssembly } = globalThis as unknown as { WebAssembly?: WebAssemblyApi };
  try {
    if (!WebAssembly) throw new Error('WebAssembly is switched off (--jitless)');
    const module = new WebAssembly.Module(Buffer.from(VECTOR_WASM, 'base64'));
    return new WebAssembly.Instance(module).exports as Vector;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TscryptError('NOT_SUPPORTED', `WebAssembly with SIMD is needed: ${reason}`, { cause });
  }
}

let shared: Arena | undefined;

/** The thread's arena, made at its first use. */
export function arena(): Arena {
  shared ??= new Arena();
  return shared;
}
