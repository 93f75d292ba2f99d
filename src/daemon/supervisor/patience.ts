/** Failures are remembered for so long. */
const WINDOW_MS = 60_000;
/** More than so many in that time: what is wrong will not go away by itself. */
const MOST_FAILURES = 5;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

/**
 * When to start a successor, and when to give up. A daemon that crashes again and again is given up; a program that
 * does not even start (half an upgrade) is tried for ever, ever less often.
 */
export class Patience {
  #crashes: number[] = [];
  #failedStarts = 0;

  /** A daemon died, or its successor did after it had begun to work. */
  crashed(): void {
    this.#crashes.push(Date.now());
  }

  /** A successor ended before it said anything. */
  didNotStart(): void {
    this.#failedStarts++;
  }

  /** A successor has taken over. */
  succeeded(): void {
    this.#failedStarts = 0;
  }

  get failures(): number {
    this.#forget();
    return this.#crashes.length + this.#failedStarts;
  }

  get exhausted(): boolean {
    this.#forget();
    return this.#crashes.length > MOST_FAILURES;
  }

  /** How long to wait before the next attempt; none before the first. */
  get pauseMs(): number {
    const attempts = this.failures;
    return attempts <= 1 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 2), LONGEST_PAUSE_MS);
  }

  #forget(): void {
    const since = Date.now() - WINDOW_MS;
    this.#crashes = this.#crashes.filter((time) => time > since);
  }
}
