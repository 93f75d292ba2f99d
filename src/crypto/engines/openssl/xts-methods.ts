import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';
import { createXtsDelta } from './xts-delta.ts';
import { createXtsEvp } from './xts-evp.ts';
import { createXtsHand } from './xts-hand.ts';

export type XtsMethod = 'evp' | 'hand' | 'delta';

/** The ways to do XTS with OpenSSL. */
export const xtsMethods: ReadonlyMap<
  XtsMethod,
  (openssl: Openssl, request: InPlaceModeRequest) => InPlaceMode | undefined
> = new Map([
  ['evp', createXtsEvp],
  ['hand', createXtsHand],
  ['delta', createXtsDelta],
]);
