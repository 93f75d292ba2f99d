import { inspect } from 'node:util';
import { TscryptError } from '../errors.ts';

/**
 * Memory for passphrases and keys: outside the JavaScript heap, zeroed when done, and, where the
 * process has been given an allocator that can (`useSecretAllocator`), locked into RAM and left out of
 * core dumps. A `Secret` never prints its content: not in JSON, not in `console.log`, not in a string.
 */
export interface SecretAllocator {
  /** Zero-filled memory of `length` bytes whose address never changes. */
  allocate(length: number): Uint8Array<ArrayBuffer>;
  /** Takes it back; the content is zero already. */
  release(memory: Uint8Array<ArrayBuffer>): void;
}

const plainAllocator: SecretAllocator = {
  // allocUnsafeSlow: never a slice of Node's shared pool, which other buffers would keep alive.
  allocate: (length) => new Uint8Array(Buffer.allocUnsafeSlow(Math.max(length, 1)).fill(0).buffer, 0, length),
  release: () => {},
};

let allocator = plainAllocator;

/** Where secrets live from now on; called once at start by the programs (not by library users' processes). */
export function useSecretAllocator(next: SecretAllocator): void {
  allocator = next;
}

export class Secret implements Disposable {
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly #owner = allocator;
  readonly length: number;

  /** A zero-filled secret of `length` bytes, for the caller to fill. */
  constructor(length: number) {
    if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`secret of ${length} bytes`);
    this.length = length;
    this.#bytes = this.#owner.allocate(length);
  }

  /** Takes over `source`: copies it and zeroes the original. */
  static take(source: Uint8Array): Secret {
    const secret = Secret.copy(source);
    source.fill(0);
    return secret;
  }

  static copy(source: Uint8Array): Secret {
    const secret = new Secret(source.length);
    secret.bytes.set(source);
    return secret;
  }

  /** The live bytes. Do not keep them beyond the secret, do not turn them into a string. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (!this.#bytes) throw new TscryptError('INTERNAL', 'secret used after it was disposed of');
    return this.#bytes;
  }

  get disposed(): boolean {
    return this.#bytes === undefined;
  }

  /** Zeroes the bytes and gives the memory back; harmless when repeated. */
  dispose(): void {
    if (!this.#bytes) return;
    this.#bytes.fill(0);
    this.#owner.release(this.#bytes);
    this.#bytes = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return `[secret, ${this.length} bytes]`;
  }
}
