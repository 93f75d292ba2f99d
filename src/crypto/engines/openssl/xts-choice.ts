import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import { agrees, knownAnswer, testKey } from './known-answer.ts';
import type { Openssl } from './openssl.ts';
import { type XtsMethod, xtsMethods } from './xts-methods.ts';

/** The best methods for requests of one page and for long ones. */
export interface XtsChoice {
  readonly short: XtsMethod;
  readonly long: XtsMethod;
  /** All that give the right answers on this machine. */
  readonly right: readonly XtsMethod[];
}

/** Bytes of the requests that are measured. */
const SHORT = 4 * 1024;
const LONG = 64 * 1024;

/**
 * Measuring goes on until no method has become faster for so long, for V8 optimises WebAssembly while it runs, and …
 * Milliseconds.
 */
const SETTLED = 2;
/** … it ends then in any case. */
const PATIENCE = 25;

/**
 * Finds out what is right, by known answers, and what is fast, by a few milliseconds of measurement. It does not depend
 * on the key.
 *
 * @returns undefined when no method is right
 */
export function chooseXts(
  openssl: Openssl,
  request: Omit<InPlaceModeRequest, 'key'> & { readonly keySize: number },
): XtsChoice | undefined {
  const { cipher, sectorSize, keySize } = request;
  const test = { cipher, sectorSize, key: testKey(keySize) };
  const known = knownAnswer('xts', test);
  const candidates: [XtsMethod, InPlaceMode][] = [];
  for (const [name, create] of xtsMethods) {
    const mode = create(openssl, test);
    if (mode && agrees(openssl.area, mode, sectorSize, known)) candidates.push([name, mode]);
    else mode?.dispose();
  }
  const modes = candidates.map(([, mode]) => mode);
  const fastest = (length: number): XtsMethod | undefined => {
    const times = candidates.length > 1 ? measure(modes, openssl.area.dataAt, length / sectorSize) : [0];
    return candidates[times.indexOf(Math.min(...times))]?.[0];
  };
  const long = fastest(LONG);
  const short = fastest(SHORT);
  for (const mode of modes) mode.dispose();
  return long && short && { short, long, right: candidates.map(([name]) => name) };
}

/** Milliseconds that each takes for so many sectors at best, in turns. */
function measure(modes: readonly InPlaceMode[], at: number, sectors: number): number[] {
  const best = modes.map(() => Number.POSITIVE_INFINITY);
  const start = performance.now();
  let improved = start;
  for (let now = start; now - improved < SETTLED && now - start < PATIENCE; ) {
    for (const [i, mode] of modes.entries()) {
      const before = performance.now();
      for (let call = 0; call < 4; call++) mode.encrypt(at, sectors);
      now = performance.now();
      const time = now - before;
      const last = best[i] ?? 0;
      if (time >= last) continue;
      best[i] = time;
      if (time < last * 0.95) improved = now;
    }
  }
  return best;
}
