import type { WebAssemblyMemory } from '../../../arena.ts';
import { TscryptError } from '../../../errors.ts';
import { VECTOR_WASM } from './vector-wasm.ts';

/** What is used of the global, which the type definitions of ES and Node leave out. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => WebAssemblyMemory;
}

/** The functions of `vector.wat`; see there. */
export interface Vector {
  plain64(out: number, first: number, step: number, count: number): void;
  xtsBegin(data: number, tweaks: number, ivs: number, sectors: number, blocks: number): void;
  xtsFold(data: number, starts: number, sectors: number, blocks: number): void;
  xtsDeltas(tweaks: number, sectors: number, steps: number): void;
  xor(data: number, mask: number, length: number): void;
  cbcEnd(data: number, cipher: number, ivs: number, sectors: number, blocks: number): void;
  gatherXor(data: number, column: number, sectors: number, size: number): void;
  scatter(data: number, column: number, sectors: number, size: number): void;
  scatterXor(data: number, column: number, sectors: number, size: number): void;
  counters(out: number, ivs: number, sectors: number, blocks: number): void;
}

/**
 * The arithmetic upon that memory.
 *
 * @throws TscryptError NOT_SUPPORTED on a CPU without SIMD
 */
export function instantiateVector(memory: WebAssemblyMemory): Vector {
  return attempt((api) => {
    compiled ??= new api.Module(Buffer.from(VECTOR_WASM, 'base64'));
    return new api.Instance(compiled, { arena: { memory } }).exports as Vector;
  });
}

let compiled: object | undefined;

const PAGE = 64 * 1024;

/**
 * Memory for {@link instantiateVector}, of at least `size` bytes.
 *
 * @throws TscryptError NOT_SUPPORTED when Node runs without its compiler
 */
export function createVectorMemory(size: number): WebAssemblyMemory {
  const pages = Math.ceil(size / PAGE);
  return attempt((api) => new api.Memory({ initial: pages, maximum: pages }));
}

function attempt<T>(task: (api: WebAssemblyApi) => T): T {
  const { WebAssembly } = globalThis as unknown as { WebAssembly?: WebAssemblyApi };
  try {
    if (!WebAssembly) throw new Error('WebAssembly is switched off (--jitless)');
    return task(WebAssembly);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TscryptError('NOT_SUPPORTED', `WebAssembly with SIMD is needed: ${reason}`, { cause });
  }
}
