import { createOpensslEngine } from './engines/openssl/engine.ts';
import { bindOpenssl } from './engines/openssl/openssl.ts';
import { chooseXts } from './engines/openssl/xts-choice.ts';
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

/**
 * Which methods of XTS are right and fastest on this machine, for requests of one page and for long ones; takes some
 * milliseconds.
 *
 * @param keySize bytes
 * @returns undefined where the engine cannot be used, or has no right one
 */
export function fastestXts(
  library: ForeignLibrary | undefined,
  request: { readonly cipher: string; readonly keySize: number; readonly sectorSize: number },
): { readonly short: string; readonly long: string } | undefined {
  const openssl = library && bindOpenssl(library);
  const choice = openssl?.usable ? chooseXts(openssl, request) : undefined;
  return choice && { short: choice.short, long: choice.long };
}
