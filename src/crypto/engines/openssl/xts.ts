import { timingSafeEqual } from 'node:crypto';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';
import { chooseXts, type XtsChoice } from './xts-choice.ts';
import { type XtsMethod, xtsMethods } from './xts-methods.ts';

/** Up to so many bytes a request is a short one. */
const SHORT = 8 * 1024;

/** Made at the first use of each cipher, key size and sector size, by this thread for itself. */
const choices = new WeakMap<Openssl, Map<string, XtsChoice | undefined>>();

/**
 * XTS by the methods that are fastest here for that cipher and sector size.
 *
 * @returns undefined where none of OpenSSL's methods is right
 */
export function createXts(openssl: Openssl, request: InPlaceModeRequest): InPlaceMode | undefined {
  const choice = choiceFor(openssl, request);
  if (!choice) return undefined;
  const create = (method: XtsMethod): InPlaceMode | undefined =>
    choice.right.includes(method) ? xtsMethods.get(method)?.(openssl, request) : undefined;
  const half = request.key.length / 2;
  if (timingSafeEqual(request.key.subarray(0, half), request.key.subarray(half))) return create('hand');
  const long = create(choice.long) ?? create('hand');
  if (!long || choice.short === choice.long) return long;
  const short = create(choice.short);
  return short ? createByLength(short, long, SHORT / request.sectorSize) : long;
}

/** What was chosen, or is chosen now. */
export function choiceFor(openssl: Openssl, request: InPlaceModeRequest): XtsChoice | undefined {
  const { cipher, key, sectorSize } = request;
  let made = choices.get(openssl);
  if (!made) {
    made = new Map();
    choices.set(openssl, made);
  }
  const id = `${cipher} ${key.length} ${sectorSize}`;
  if (!made.has(id)) made.set(id, chooseXts(openssl, { cipher, keySize: key.length, sectorSize }));
  return made.get(id);
}

function createByLength(short: InPlaceMode, long: InPlaceMode, most: number): InPlaceMode {
  return {
    pieceSize: long.pieceSize,
    encrypt(at, sectors) {
      if (sectors <= most) short.encrypt(at, sectors);
      else long.encrypt(at, sectors);
    },
    decrypt(at, sectors) {
      if (sectors <= most) short.decrypt(at, sectors);
      else long.decrypt(at, sectors);
    },
    dispose() {
      short.dispose();
      long.dispose();
    },
  };
}
