import { TscryptError } from '../../../errors.ts';
import type { Openssl } from './openssl.ts';

/** A hash in OpenSSL's memory that is computed again and again from the same beginning. Addresses, not offsets. */
export interface DigestState {
  /** All at once, where that is faster than the three one after the other. */
  readonly once?: ((data: number, length: number, out: number) => void) | undefined;
  begin(): void;
  update(data: number, length: number): void;
  end(out: number): void;
  dispose(): void;
}

/**
 * @param digest an EVP_MD
 * @param salt address of what each message begins with
 * @returns undefined where OpenSSL refuses
 */
export function createDigestState(
  openssl: Openssl,
  digest: number,
  salt: number,
  saltLength: number,
): DigestState | undefined {
  const c = openssl.functions;
  const salted = c.EVP_MD_CTX_new();
  const state = c.EVP_MD_CTX_new();
  let live = salted !== 0 && state !== 0;
  const dispose = (): void => {
    c.EVP_MD_CTX_free(salted);
    c.EVP_MD_CTX_free(state);
  };
  if (
    !live ||
    c.EVP_DigestInit_ex(salted, digest, 0) !== 1 ||
    c.EVP_DigestUpdate(salted, salt, saltLength) !== 1
  ) {
    dispose();
    c.ERR_clear_error();
    return undefined;
  }
  const begin = (): void => {
    if (!live) throw disposed();
    if (c.EVP_MD_CTX_copy_ex(state, salted) !== 1) throw openssl.failure('EVP_MD_CTX_copy_ex');
  };
  const update = (data: number, length: number): void => {
    if (c.EVP_DigestUpdate(state, data, length) !== 1) throw openssl.failure('EVP_DigestUpdate');
  };
  const end = (out: number): void => {
    if (c.EVP_DigestFinal_ex(state, out, 0) !== 1) throw openssl.failure('EVP_DigestFinal_ex');
  };
  const once = (data: number, length: number, out: number): void => {
    if (!live) throw disposed();
    if (c.EVP_Digest(data, length, out, 0, digest, 0) !== 1) throw openssl.failure('EVP_Digest');
  };
  return {
    once: saltLength === 0 ? once : undefined,
    begin,
    update,
    end,
    dispose() {
      if (live) dispose();
      live = false;
    },
  };
}

/**
 * The same for HMAC.
 *
 * @param key borrowed for the call
 */
export function createHmacState(
  openssl: Openssl,
  digest: number,
  key: Uint8Array,
  salt: number,
  saltLength: number,
): DigestState | undefined {
  const c = openssl.functions;
  const state = c.HMAC_CTX_new();
  if (state === 0) return undefined;
  let live = true;
  const keyed = openssl.area.lend(key, (address) => c.HMAC_Init_ex(state, address, key.length, digest, 0));
  if (keyed !== 1) {
    c.HMAC_CTX_free(state);
    c.ERR_clear_error();
    return undefined;
  }
  const update = (data: number, length: number): void => {
    if (c.HMAC_Update(state, data, length) !== 1) throw openssl.failure('HMAC_Update');
  };
  const begin = (): void => {
    if (!live) throw disposed();
    if (c.HMAC_Init_ex(state, 0, 0, 0, 0) !== 1) throw openssl.failure('HMAC_Init_ex');
    if (saltLength > 0) update(salt, saltLength);
  };
  const end = (out: number): void => {
    if (c.HMAC_Final(state, out, openssl.area.lengthAddress) !== 1) throw openssl.failure('HMAC_Final');
  };
  return {
    begin,
    update,
    end,
    dispose() {
      if (live) c.HMAC_CTX_free(state);
      live = false;
    },
  };
}

function disposed(): TscryptError {
  return new TscryptError('INTERNAL', 'hash used after it was disposed of');
}
