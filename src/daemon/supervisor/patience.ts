/** Failures are remembered for so long. */
const WINDOW_MS = 60_000;
/** With more than so many deaths in that time, what is wrong will not go away by itself. */
const MOST_DEATHS = 25;
/** A successor that dies while it takes over counts as so many: its users have seen nothing but a pause since. */
const WORTH_OF_FAILED_SUCCESSION = 5;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** Between attempts to start a program that does not start. */
const LONGEST_START_PAUSE_MS = 30_000;

/**
 * When to start a successor, and when to give up. A daemon that dies again and again is given up; a program that
 * does not even start (half an upgrade) is tried for ever, ever less often.
 */
export class Patience {
  #deaths: { readonly time: number; readonly worth: number }[] = [];
  #failedStarts = 0;

  /** A daemon died that had served. */
  died(): void {
    this.#deaths.push({ time: Date.now(), worth: 1 });
  }

  /** A successor died before it had taken over. */
  failedToSucceed(): void {
    this.#deaths.push({ time: Date.now(), worth: WORTH_OF_FAILED_SUCCESSION });
  }

  /** A successor ended before it said anything. */
  failedToStart(): void {
    this.#failedStarts++;
  }

  /** A successor has taken over. */
  succeeded(): void {
    this.#failedStarts = 0;
  }

  /** Of all kinds, in the last minute. */
  get failures(): number {
    this.#forget();
    return this.#deaths.length + this.#failedStarts;
  }

  get exhausted(): boolean {
    this.#forget();
    return this.#deaths.reduce((sum, { worth }) => sum + worth, 0) > MOST_DEATHS;
  }

  /** How long to wait before the next attempt; not at all before the first. */
  get pauseMs(): number {
    const { failures } = this;
    if (failures <= 1) return 0;
    const longest = this.#failedStarts > 0 ? LONGEST_START_PAUSE_MS : LONGEST_PAUSE_MS;
    return Math.min(FIRST_PAUSE_MS * 2 ** (failures - 2), longest);
  }

  #forget(): void {
    const since = Date.now() - WINDOW_MS;
    this.#deaths = this.#deaths.filter(({ time }) => time > since);
  }
}
