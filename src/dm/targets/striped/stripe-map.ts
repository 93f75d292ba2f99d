/**
 * Where the bytes of a striped target lie: chunk after chunk goes to the next stripe, and round again.
 * All numbers are bytes, places in stripes are relative to where those begin.
 */
export class StripeMap {
  readonly #stripes: number;
  readonly #chunk: number;

  constructor(stripes: number, chunk: number) {
    this.#stripes = stripes;
    this.#chunk = chunk;
  }

  /** Which stripe holds the byte at `offset`. */
  stripeAt(offset: number): number {
    return Math.floor(offset / this.#chunk) % this.#stripes;
  }

  /** Where in that stripe. */
  placeAt(offset: number): number {
    const inChunk = offset % this.#chunk;
    return Math.floor(offset / this.#chunk / this.#stripes) * this.#chunk + inChunk;
  }

  /**
   * How many bytes of the target's first `offset` lie in a stripe, which is where in that stripe the rest
   * begins. What lies between two offsets is one range of each stripe.
   */
  sizeBefore(offset: number, stripe: number): number {
    const row = this.#chunk * this.#stripes;
    const inRow = offset % row;
    const inStripe = inRow - stripe * this.#chunk;
    return Math.floor(offset / row) * this.#chunk + Math.min(Math.max(inStripe, 0), this.#chunk);
  }
}
