import { type ArgumentReader, refuse } from '../../arguments.ts';
import { checkCount, repeatCount, unsigned } from './arguments.ts';
import type { PathSelector, SelectorType } from './selector.ts';
import { UsablePaths } from './usable-paths.ts';

/**
 * `historical-service-time [<base weight> [<threshold multiplier>]]`: the path that has been quickest of
 * late, counting the requests that wait there. Per path it keeps a moving average of the time that a
 * request took, in which history weighs the less the longer the last request took.
 */
export const historicalServiceTime: SelectorType = {
  name: 'historical-service-time',
  tableArgs: 1,
  infoArgs: 3,
  create(args) {
    const { left } = args;
    const weight = left > 0 ? unsigned(args.next()) : DEFAULT_WEIGHT;
    const multiplier = left > 1 ? unsigned(args.next()) : 0;
    if (left > 2 || weight === undefined || weight >= ONE || multiplier === undefined) return refused();
    return new HistoricalServiceTime(weight, multiplier);
  },
};

/** Weights and averages are counted in 1024ths. */
const ONE = 1024;
/** 0.95 */
const DEFAULT_WEIGHT = 972;
/** Weights are kept for times up to so many units of 2^24 ns; a longer one leaves nothing of the history. */
const WEIGHTS = 64;
const WEIGHT_UNIT = 2 ** 24;

interface PathState {
  /** The moving average, in 1024ths of a nanosecond. */
  average: number;
  outstanding: number;
  /** Nanoseconds. */
  lastFinish: number;
  /** When the average will tell too little about the present. Nanoseconds. */
  staleAfter: number;
}

class HistoricalServiceTime implements PathSelector {
  readonly args: readonly string[];
  readonly #weights: readonly number[];
  readonly #multiplier: number;
  readonly #usable = new UsablePaths();
  readonly #paths: PathState[] = [];

  constructor(weight: number, multiplier: number) {
    this.args = [String(weight), String(multiplier)];
    this.#multiplier = multiplier;
    this.#weights = Array.from({ length: WEIGHTS }, (_, i) =>
      i === WEIGHTS - 1 ? 0 : Math.round((weight / ONE) ** (i + 1) * ONE),
    );
  }

  addPath(args: ArgumentReader): void {
    checkCount(historicalServiceTime.name, args, 1);
    repeatCount(historicalServiceTime.name, args);
    this.#usable.addLast(this.#paths.length);
    this.#paths.push({ average: ONE, outstanding: 0, lastFinish: 0, staleAfter: 0 });
  }

  select(): number {
    const usable = this.#usable;
    if (usable.count === 0) return -1;
    const now = nanoseconds();
    let best = 0;
    for (let place = 1; place < usable.count; place++) {
      const path = this.#state(usable.at(place));
      if (this.#compare(path, this.#state(usable.at(best)), now) < 0) best = place;
    }
    return usable.moveLast(best);
  }

  failPath(path: number): void {
    this.#usable.remove(path);
  }

  reinstatePath(path: number): void {
    this.#usable.addLast(path);
  }

  /** @returns nanoseconds */
  startIo(path: number): number {
    this.#state(path).outstanding++;
    return nanoseconds();
  }

  endIo(path: number, _bytes: number, started: number): void {
    const state = this.#state(path);
    const now = nanoseconds();
    // Requests that were under way together count as if each began when the one before it ended.
    const took = Math.max(0, now - Math.max(started, state.lastFinish));
    const weight = this.#weights[Math.min(Math.floor(took / WEIGHT_UNIT), WEIGHTS - 1)] as number;
    state.outstanding--;
    state.lastFinish = now;
    state.average = Math.round((state.average * weight + took * ONE * (ONE - weight)) / ONE);
    state.staleAfter = now + this.#usable.count * Math.floor(state.average / ONE);
  }

  /** The kernel prints a number nobody gave here. */
  tableArgsOf(): readonly string[] {
    return ['0'];
  }

  infoArgsOf(path: number): readonly string[] {
    const { average, outstanding, staleAfter } = this.#state(path);
    return [String(average), String(outstanding), String(staleAfter)];
  }

  /** Below 0: `a` is better; above 0: `b` is. */
  #compare(a: PathState, b: PathState, now: number): number {
    const byUse = a.outstanding - b.outstanding;
    const [quicker, slower] = a.average < b.average ? [a, b] : [b, a];
    if (slower.average <= quicker.average * this.#multiplier) return byUse;
    const idleA = a.outstanding === 0;
    const idleB = b.outstanding === 0;
    // What was long unused is tried again: it may have become better.
    if (idleA && idleB) return a.staleAfter - b.staleAfter;
    if (idleA && a.staleAfter < now) return -1;
    if (idleB && b.staleAfter < now) return 1;
    const betterA = (1 + a.outstanding) * a.average <= (1 + b.outstanding) * b.average;
    // What has not finished anything for long gets no more than the other: it may have become worse.
    if ((betterA ? a : b).staleAfter < now) return byUse;
    return betterA ? -1 : 1;
  }

  #state(path: number): PathState {
    return this.#paths[path] as PathState;
  }
}

function nanoseconds(): number {
  return Math.round(performance.now() * 1e6);
}

function refused(): never {
  return refuse('path selector constructor failed');
}
