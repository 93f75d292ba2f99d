import { createOpensslEngine } from './engines/openssl/engine.ts';
import type { ForeignLibrary } from './foreign-library.ts';
import { useCryptoEngine } from './sector-ciphers.ts';

/**
 * Puts the engine over libcrypto before the others, in this thread. Programs and threads that encrypt a lot call it once
 * at their start, before they make ciphers; it costs nothing until then.
 *
 * @param library libcrypto, where there are foreign functions (`sys`: openLibcrypto)
 * @returns takes it out again; undefined where it cannot be used, and everything goes on as without it
 */
export function useOpensslEngine(library: ForeignLibrary | undefined): (() => void) | undefined {
  const engine = library && createOpensslEngine(library);
  return engine && useCryptoEngine(engine);
}
