import { nbdError } from './errno.ts';

/**
 * The requests of a connection that did not finish inline: how many, and how much memory they hold.
 */
export class InFlight {
  readonly #settled: () => void;
  #requests = 0;
  /** Memory held by requests and partial payloads; their owners add and subtract. */
  bytes = 0;
  /** Set when the connection is gone: requests still finish, nobody is answered. */
  dead = false;

  /** @param settled called after each request that finished and was answered */
  constructor(settled: () => void) {
    this.#settled = settled;
  }

  get requests(): number {
    return this.#requests;
  }

  /** For requests that keep their own books: one more is under way, until `end`. */
  begin(): void {
    this.#requests += 1;
  }

  /** It finished, was answered unless `dead`, and holds nothing more. */
  end(): void {
    this.#requests -= 1;
    this.#settled();
  }

  /**
   * @param answer gets the NBD error value, 0 for success
   * @param release called after it, or instead of it when the connection is gone
   * @param fastZero the request was NBD_CMD_FLAG_FAST_ZERO
   */
  add(done: Promise<unknown>, answer: (error: number) => void, release?: () => void, fastZero = false): void {
    this.#requests += 1;
    const settle = (error: number): void => {
      this.#requests -= 1;
      if (!this.dead) answer(error);
      release?.();
      this.#settled();
    };
    done.then(
      () => settle(0),
      (error) => settle(nbdError(error, fastZero)),
    );
  }
}
