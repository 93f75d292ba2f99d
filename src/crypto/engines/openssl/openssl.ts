import { arena } from '../../../arena.ts';
import { TscryptError } from '../../../errors.ts';
import type { ForeignLibrary } from '../../foreign-library.ts';
import { bindLibcrypto, type Libcrypto } from './libcrypto.ts';
import { WorkArea } from './work-area.ts';

/** libcrypto as this thread uses it: its functions, what they work on, and the algorithms looked up so far. */
export class Openssl {
  readonly functions: Libcrypto;
  readonly #library: ForeignLibrary;
  #area: WorkArea | undefined;
  readonly #ciphers = new Map<string, number>();
  readonly #digests = new Map<string, number>();

  constructor(library: ForeignLibrary, functions: Libcrypto) {
    this.#library = library;
    this.functions = functions;
  }

  /** Whether there is memory to work on. */
  get usable(): boolean {
    try {
      return this.area !== undefined;
    } catch {
      return false;
    }
  }

  /** Made at its first use. */
  get area(): WorkArea {
    if (!this.#area) {
      const memory = arena();
      if (!memory) throw new TscryptError('NOT_SUPPORTED', 'WebAssembly is switched off (--jitless).');
      this.#area = new WorkArea(this.#library, memory);
    }
    return this.#area;
  }

  /** An EVP_CIPHER, or 0 where OpenSSL has none of that name. They are few, and kept. */
  cipher(name: string): number {
    let found = this.#ciphers.get(name);
    if (found === undefined) {
      found = this.functions.EVP_CIPHER_fetch(0, this.area.text(name), 0);
      this.functions.ERR_clear_error();
      this.#ciphers.set(name, found);
    }
    return found;
  }

  /** An EVP_MD, or 0. */
  digest(name: string): number {
    let found = this.#digests.get(name);
    if (found === undefined) {
      found = this.functions.EVP_MD_fetch(0, this.area.text(name), 0);
      this.functions.ERR_clear_error();
      this.#digests.set(name, found);
    }
    return found;
  }

  /** Where the first byte is, of memory that does not move, for as long as it is referenced. */
  address(bytes: Uint8Array): number {
    return this.#library.address(bytes);
  }

  /** What OpenSSL refused without good reason. */
  failure(call: string): TscryptError {
    this.functions.ERR_clear_error();
    return new TscryptError('INTERNAL', `OpenSSL: ${call} failed`, { details: { call } });
  }
}

/** @returns undefined where the library does not have all that is needed */
export function bindOpenssl(library: ForeignLibrary): Openssl | undefined {
  const functions = bindLibcrypto(library);
  return functions && new Openssl(library, functions);
}
