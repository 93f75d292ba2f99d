import { benchmarkPbkdf, type Pbkdf } from '../crypto/index.ts';

/** A KDF as a user asks for it: a type, and either a time to reach or the cost itself. */
export interface PbkdfRequest {
  readonly type: 'pbkdf2' | 'argon2i' | 'argon2id';
  /** Of pbkdf2; `sha256` unless given. */
  readonly hash?: string | undefined;
  /** Milliseconds an unlock should take on this machine; 2000 unless given. */
  readonly iterTimeMs?: number | undefined;
  /** Iterations or passes, without measuring. */
  readonly forceIterations?: number | undefined;
  /** Most memory, KiB; 1 GiB unless given, always within half of what the machine has. */
  readonly memoryKib?: number | undefined;
  /** Most lanes; 4 unless given, always within the machine's processors. */
  readonly parallel?: number | undefined;
}

/** Bytes of key the cost is measured for. */
export async function resolvePbkdf(request: PbkdfRequest, keySize: number): Promise<Pbkdf> {
  return benchmarkPbkdf({ ...request, keySize });
}
