import { type Cipher, createCipheriv, createDecipheriv } from 'node:crypto';
import { TscryptError } from '../../../errors.ts';
import { BLOCK_SIZE, type BlockCipher, requireBlockCipher } from '../../block-cipher.ts';

/**
 * A block cipher over `node:crypto`: one OpenSSL context a direction, keyed once, fed for as long as the
 * cipher lives (without padding, ECB has no state between calls).
 *
 * @throws TscryptError NOT_SUPPORTED, or INVALID_ARGUMENT when the cipher takes no key of that size
 */
export function createEcbCipher(name: string, key: Uint8Array): BlockCipher {
  const ecb = requireBlockCipher(name, key.length).openssl(key.length, 'ecb');
  const encryptor = new Stream(createCipheriv(ecb, key, null));
  const decryptor = new Stream(createDecipheriv(ecb, key, null));
  return {
    encrypt: (blocks) => encryptor.update(blocks),
    decrypt: (blocks) => decryptor.update(blocks),
    dispose() {
      encryptor.dispose();
      decryptor.dispose();
    },
  };
}

/** CBC encryption as OpenSSL does it: one endless chain. */
export interface CbcChain {
  /** Encrypts whole blocks, chained to those of the call before (at first, to an IV of zeroes). */
  encrypt(blocks: Uint8Array): Uint8Array;
  /** Forgets the key. */
  dispose(): void;
}

export function createCbcChain(name: string, key: Uint8Array): CbcChain {
  const cbc = requireBlockCipher(name, key.length).openssl(key.length, 'cbc');
  const chain = new Stream(createCipheriv(cbc, key, new Uint8Array(BLOCK_SIZE)));
  return { encrypt: (blocks) => chain.update(blocks), dispose: () => chain.dispose() };
}

class Stream {
  #cipher: Cipher | undefined;

  constructor(cipher: Cipher) {
    this.#cipher = cipher.setAutoPadding(false);
  }

  update(blocks: Uint8Array): Uint8Array {
    if (!this.#cipher) throw new TscryptError('INTERNAL', 'cipher used after it was disposed of');
    return this.#cipher.update(blocks);
  }

  dispose(): void {
    // final() makes Node free the OpenSSL context at once, which zeroes the expanded key.
    this.#cipher?.final();
    this.#cipher = undefined;
  }
}
