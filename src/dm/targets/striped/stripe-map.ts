/**
 * Where the bytes of a striped target lie: chunk after chunk goes to the next stripe, and round again.
 * All numbers are bytes, places in stripes are relative to where those begin.
 *
 * Quotients are rounded down and multiplied back where `%` would do: it is slow beyond 32 bits, and a request
 * comes by here for every chunk. Below 2^53 both give the same.
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
    const chunk = Math.floor(offset / this.#chunk);
    return chunk - Math.floor(chunk / this.#stripes) * this.#stripes;
  }

  /** Where in that stripe. */
  placeAt(offset: number): number {
    const chunk = Math.floor(offset / this.#chunk);
    const row = Math.floor(chunk / this.#stripes);
    return offset - (chunk - row) * this.#chunk;
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
