import { addressOf } from './address.ts';

/** struct msghdr (recvmsg(2)) of the 64-bit ABIs, in 32-bit words. */
const IOV_WORD = 4;
const IOVLEN_WORD = 6;
const HEADER_WORDS = 16;
/** struct iovec: an address and a length of 64 bits each. */
const IOVEC_WORDS = 4;
const WORD = 4;

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const LOW = LITTLE_ENDIAN ? 0 : 1;
const HIGH = 1 - LOW;

/**
 * What sendmsg(2) gathers, or recvmsg(2) scatters: a message header with the vectors behind it, in memory that does
 * not move.
 */
export class Message {
  /** For the system call. */
  readonly address: number;
  readonly capacity: number;
  readonly #words: Uint32Array;
  readonly #start: number;
  #first = 0;
  #count = 0;
  /** Where the last vector ends. */
  #end = -1;

  /** @param memory {@link Message.size} bytes, aligned to 8, outside the JavaScript heap, that the caller keeps */
  constructor(memory: Uint8Array, capacity: number) {
    this.address = addressOf(memory);
    this.capacity = capacity;
    this.#words = new Uint32Array(memory.buffer, memory.byteOffset, Message.size(capacity) / WORD);
    this.#words.fill(0);
    this.#start = this.address + HEADER_WORDS * WORD;
    this.clear();
  }

  static size(capacity: number): number {
    return (HEADER_WORDS + capacity * IOVEC_WORDS) * WORD;
  }

  /** Vectors added; those that were passed count too. */
  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#first = 0;
    this.#count = 0;
    this.#end = -1;
    this.#update();
  }

  /** Adds `length` bytes from `address` on; the caller sees to it that there is room for another vector. */
  add(address: number, length: number): void {
    if (address === this.#end) {
      const at = this.#at(this.#count - 1) + 2 + LOW;
      this.#words[at] = (this.#words[at] as number) + length;
    } else {
      const at = this.#at(this.#count);
      this.#setAddress(at, address);
      this.#words[at + 2 + LOW] = length;
      this.#count += 1;
      this.#words[IOVLEN_WORD + LOW] = this.#count - this.#first;
    }
    this.#end = address + length;
  }

  /** The first `bytes` were taken care of: the message goes on behind them. True when nothing is left. */
  advance(bytes: number): boolean {
    let left = bytes;
    while (this.#first < this.#count) {
      const at = this.#at(this.#first);
      const length = this.#words[at + 2 + LOW] as number;
      if (left < length) {
        const address =
          (this.#words[at + LOW] as number) + (this.#words[at + HIGH] as number) * 0x1_0000_0000;
        this.#setAddress(at, address + left);
        this.#words[at + 2 + LOW] = length - left;
        break;
      }
      left -= length;
      this.#first += 1;
    }
    this.#update();
    return this.#first === this.#count;
  }

  #update(): void {
    this.#setAddress(IOV_WORD, this.#start + this.#first * IOVEC_WORDS * WORD);
    this.#words[IOVLEN_WORD + LOW] = this.#count - this.#first;
  }

  #at(index: number): number {
    return HEADER_WORDS + index * IOVEC_WORDS;
  }

  #setAddress(word: number, address: number): void {
    this.#words[word + LOW] = address >>> 0;
    this.#words[word + HIGH] = (address / 0x1_0000_0000) >>> 0;
  }
}
