/**
 * Numbers that are the same in every run (xorshift32, G. Marsaglia, "Xorshift RNGs", 2003): what was corrupted once
 * is corrupted again when the same requests are made of the same table.
 */
export class Xorshift {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds begin far from each other, and none begins at 0, where nothing would move.
    this.#state = Math.imul((seed >>> 0) ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
  }

  /** 0 … `limit` − 1, an integer; `limit` is at most 2^32. */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}
