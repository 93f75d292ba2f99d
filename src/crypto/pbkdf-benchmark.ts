import type { Pbkdf } from './pbkdf.ts';

export interface PbkdfRequest {
  readonly type: 'pbkdf2' | 'argon2i' | 'argon2id';
  readonly hash?: string;
  readonly iterTimeMs?: number;
  readonly forceIterations?: number;
  readonly memoryKib?: number;
  readonly parallel?: number;
}
export declare function benchmarkPbkdf(request: PbkdfRequest, keyLength?: number): Promise<Pbkdf>;
