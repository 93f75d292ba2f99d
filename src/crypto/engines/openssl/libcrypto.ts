import type { ForeignLibrary } from '../../foreign-library.ts';

/**
 * The functions of libcrypto that are used here, by OpenSSL's names (its manual pages in section 3). Addresses are
 * numbers, 0 for NULL; results are 1 for success, if not said otherwise.
 */
export interface Libcrypto {
  /** 0xMNN00PP0L */
  OpenSSL_version_num(): number;
  ERR_clear_error(): void;
  /** @returns an address, or 0 */
  EVP_CIPHER_fetch(libraryContext: number, name: number, properties: number): number;
  EVP_CIPHER_CTX_new(): number;
  EVP_CIPHER_CTX_free(context: number): void;
  EVP_CIPHER_CTX_set_padding(context: number, padding: number): number;
  /** `encrypting`: 1, 0, or -1 to leave it as it is; whatever is 0 of the others is left as it is, too. */
  EVP_CipherInit_ex(
    context: number,
    cipher: number,
    engine: number,
    key: number,
    iv: number,
    encrypting: number,
  ): number;
  EVP_CipherUpdate(context: number, out: number, outLength: number, data: number, length: number): number;
  EVP_MD_fetch(libraryContext: number, name: number, properties: number): number;
  EVP_MD_CTX_new(): number;
  EVP_MD_CTX_free(context: number): void;
  EVP_MD_CTX_copy_ex(to: number, from: number): number;
  EVP_DigestInit_ex(context: number, digest: number, engine: number): number;
  EVP_DigestUpdate(context: number, data: number, length: number): number;
  EVP_DigestFinal_ex(context: number, out: number, outLength: number): number;
  EVP_Digest(
    data: number,
    length: number,
    out: number,
    outLength: number,
    digest: number,
    engine: number,
  ): number;
  HMAC_CTX_new(): number;
  HMAC_CTX_free(context: number): void;
  /** With neither key nor digest: begins anew under the same ones. */
  HMAC_Init_ex(context: number, key: number, length: number, digest: number, engine: number): number;
  HMAC_Update(context: number, data: number, length: number): number;
  HMAC_Final(context: number, out: number, outLength: number): number;
}

/** Result and parameters in C; `p` is an address, `n` a size_t. */
const SIGNATURES: Readonly<Record<keyof Libcrypto, readonly [result: string, parameters: string]>> = {
  OpenSSL_version_num: ['uint64', ''],
  ERR_clear_error: ['void', ''],
  EVP_CIPHER_fetch: ['p', 'p p p'],
  EVP_CIPHER_CTX_new: ['p', ''],
  EVP_CIPHER_CTX_free: ['void', 'p'],
  EVP_CIPHER_CTX_set_padding: ['int', 'p int'],
  EVP_CipherInit_ex: ['int', 'p p p p p int'],
  EVP_CipherUpdate: ['int', 'p p p p int'],
  EVP_MD_fetch: ['p', 'p p p'],
  EVP_MD_CTX_new: ['p', ''],
  EVP_MD_CTX_free: ['void', 'p'],
  EVP_MD_CTX_copy_ex: ['int', 'p p'],
  EVP_DigestInit_ex: ['int', 'p p p'],
  EVP_DigestUpdate: ['int', 'p p n'],
  EVP_DigestFinal_ex: ['int', 'p p p'],
  EVP_Digest: ['int', 'p n p p p p'],
  HMAC_CTX_new: ['p', ''],
  HMAC_CTX_free: ['void', 'p'],
  HMAC_Init_ex: ['int', 'p p int p p'],
  HMAC_Update: ['int', 'p p n'],
  HMAC_Final: ['int', 'p p p'],
};

/** The first with EVP_CIPHER_fetch, and with contexts that keep their key when they are given a new IV only. */
const OPENSSL_3 = 0x3000_0000;

/** @returns undefined where the library lacks one of the functions, or is too old */
export function bindLibcrypto(library: ForeignLibrary): Libcrypto | undefined {
  const functions: Partial<Record<keyof Libcrypto, (...args: number[]) => number>> = {};
  for (const [name, [result, parameters]] of Object.entries(SIGNATURES)) {
    const declaration = `${type(result)} ${name}(${parameters.split(' ').filter(Boolean).map(type).join(', ')})`;
    const found = library.find(declaration);
    if (!found) return undefined;
    functions[name as keyof Libcrypto] = found;
  }
  const bound = functions as unknown as Libcrypto;
  return bound.OpenSSL_version_num() >= OPENSSL_3 ? bound : undefined;
}

function type(word: string): string {
  return { p: 'int64_t', n: 'size_t', uint64: 'uint64_t' }[word] ?? word;
}
