import { WOULD_WAIT } from '../../../sys/stream-socket.ts';
import type { Incoming } from './incoming.ts';

/** How long (milliseconds) the next request is looked for: about what it takes to be put to sleep and woken. */
const MOMENT = 0.05;
/** After that many moments in vain, one after another, only every 1024th request is followed by one. */
const MOST_DOUBLINGS = 10;

/**
 * A client with one request at a time sends the next one as soon as it has the answer. Being woken for it takes longer than
 * serving it, so it is looked for a moment before going to sleep, as long as that pays off: where the
 * processor that the client needs is the one that is used for looking, nothing comes, and it is hardly ever tried.
 */
export class Eagerness {
  #doublings = 0;
  #left = 0;

  /** @returns as {@link Incoming.receive} */
  receive(incoming: Incoming, needed: number): number {
    if (this.#left > 0) {
      this.#left -= 1;
      return WOULD_WAIT;
    }
    const end = performance.now() + MOMENT;
    do {
      const count = incoming.receive(needed);
      if (count !== WOULD_WAIT) {
        this.#doublings = 0;
        return count;
      }
    } while (performance.now() < end);
    this.#left = 2 ** this.#doublings - 1;
    this.#doublings = Math.min(this.#doublings + 1, MOST_DOUBLINGS);
    return WOULD_WAIT;
  }
}
