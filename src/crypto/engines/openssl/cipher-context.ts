import { TscryptError } from '../../../errors.ts';
import { IV_SIZE } from '../../iv/iv.ts';
import type { Openssl } from './openssl.ts';

/**
 * A keyed EVP_CIPHER_CTX for one direction, working in place on arena memory. It is OpenSSL's memory: who makes
 * one disposes of it.
 */
export class CipherContext {
  readonly #openssl: Openssl;
  readonly #base: number;
  readonly #lengthAddress: number;
  /** 0 when disposed of. */
  #context: number;

  /** Takes over `context`. */
  private constructor(openssl: Openssl, context: number) {
    this.#openssl = openssl;
    this.#base = openssl.area.base;
    this.#lengthAddress = openssl.area.lengthAddress;
    this.#context = context;
  }

  /**
   * @param name OpenSSL's, `aes-256-xts`
   * @param key borrowed for the call
   * @returns undefined where OpenSSL has no such cipher, or refuses the key (XTS to encrypt with equal halves)
   */
  static create(
    openssl: Openssl,
    name: string,
    key: Uint8Array,
    encrypting: boolean,
  ): CipherContext | undefined {
    const { functions, area } = openssl;
    const cipher = openssl.cipher(name);
    if (cipher === 0) return undefined;
    const context = functions.EVP_CIPHER_CTX_new();
    if (context === 0) throw new TscryptError('OUT_OF_MEMORY', 'Not enough memory for a cipher.');
    const keyed = area.lend(key, (address) =>
      functions.EVP_CipherInit_ex(context, cipher, 0, address, 0, encrypting ? 1 : 0),
    );
    if (keyed !== 1 || functions.EVP_CIPHER_CTX_set_padding(context, 0) !== 1) {
      functions.EVP_CIPHER_CTX_free(context);
      functions.ERR_clear_error();
      return undefined;
    }
    return new CipherContext(openssl, context);
  }

  /** Gives it the IV at that place; the key stays. */
  restart(ivAt: number): void {
    const { functions } = this.#openssl;
    if (functions.EVP_CipherInit_ex(this.#live(), 0, 0, 0, this.#base + ivAt, -1) !== 1) {
      throw this.#openssl.failure('EVP_CipherInit_ex');
    }
  }

  /** Whole blocks, in place. */
  update(at: number, length: number): void {
    const { functions } = this.#openssl;
    const address = this.#base + at;
    if (functions.EVP_CipherUpdate(this.#live(), address, this.#lengthAddress, address, length) !== 1) {
      throw this.#openssl.failure('EVP_CipherUpdate');
    }
  }

  /** Sectors one behind the other, each beginning with its own IV. */
  updateSectors(at: number, size: number, ivsAt: number, count: number): void {
    const { EVP_CipherInit_ex: init, EVP_CipherUpdate: update } = this.#openssl.functions;
    const context = this.#live();
    const length = this.#lengthAddress;
    const end = this.#base + at + size * count;
    for (let data = this.#base + at, iv = this.#base + ivsAt; data < end; data += size, iv += IV_SIZE) {
      if (init(context, 0, 0, 0, iv, -1) !== 1 || update(context, data, length, data, size) !== 1) {
        throw this.#openssl.failure('EVP_CipherUpdate');
      }
    }
  }

  /** Frees the context, which zeroes the key. */
  dispose(): void {
    if (this.#context !== 0) this.#openssl.functions.EVP_CIPHER_CTX_free(this.#context);
    this.#context = 0;
  }

  #live(): number {
    if (this.#context === 0) throw new TscryptError('INTERNAL', 'cipher used after it was disposed of');
    return this.#context;
  }
}

/** Several contexts, or none: undefined where one of them is not to be had. */
export function createContexts<K extends string>(
  openssl: Openssl,
  wanted: Readonly<Record<K, readonly [name: string, key: Uint8Array, encrypting: boolean]>>,
): Record<K, CipherContext> | undefined {
  const made: Partial<Record<K, CipherContext>> = {};
  for (const [what, [name, key, encrypting]] of Object.entries(wanted) as [K, (typeof wanted)[K]][]) {
    const context = CipherContext.create(openssl, name, key, encrypting);
    if (!context) {
      disposeContexts(made);
      return undefined;
    }
    made[what] = context;
  }
  return made as Record<K, CipherContext>;
}

export function disposeContexts(contexts: Readonly<Record<string, CipherContext | undefined>>): void {
  for (const context of Object.values(contexts)) context?.dispose();
}
