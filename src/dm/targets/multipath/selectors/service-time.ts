import { type ArgumentReader, refuse } from '../../arguments.ts';
import { checkCount, repeatCount, unsigned } from './arguments.ts';
import type { PathSelector, SelectorType } from './selector.ts';
import { UsablePaths } from './usable-paths.ts';

/**
 * `service-time`: the path that is estimated to have done everything first, the bytes under way and those of
 * the request divided by the path's throughput relative to the others
 * (Documentation/admin-guide/device-mapper/dm-service-time.rst).
 */
export const serviceTime: SelectorType = {
  name: 'service-time',
  tableArgs: 2,
  infoArgs: 2,
  create: () => new ServiceTime(),
};

const MAX_THROUGHPUT = 100;

interface PathState {
  readonly repeatCount: number;
  /** 0: only where no other path is left. */
  readonly throughput: number;
  /** Bytes. */
  inFlight: number;
}

class ServiceTime implements PathSelector {
  readonly args = [];
  readonly #usable = new UsablePaths();
  readonly #paths: PathState[] = [];

  addPath(args: ArgumentReader): void {
    checkCount(serviceTime.name, args, 2);
    const state = { repeatCount: repeatCount(serviceTime.name, args), throughput: throughput(args) };
    this.#usable.addLast(this.#paths.length);
    this.#paths.push({ ...state, inFlight: 0 });
  }

  select(bytes: number): number {
    const usable = this.#usable;
    if (usable.count === 0) return -1;
    let best = 0;
    for (let place = 1; place < usable.count; place++) {
      const path = this.#state(usable.at(place));
      if (isBetter(path, this.#state(usable.at(best)), bytes)) best = place;
    }
    return usable.moveLast(best);
  }

  failPath(path: number): void {
    this.#usable.remove(path);
  }

  reinstatePath(path: number): void {
    this.#usable.addLast(path);
  }

  startIo(path: number, bytes: number): number {
    this.#state(path).inFlight += bytes;
    return 0;
  }

  endIo(path: number, bytes: number): void {
    this.#state(path).inFlight -= bytes;
  }

  tableArgsOf(path: number): readonly string[] {
    const state = this.#state(path);
    return [String(state.repeatCount), String(state.throughput)];
  }

  infoArgsOf(path: number): readonly string[] {
    const state = this.#state(path);
    return [String(state.inFlight), String(state.throughput)];
  }

  #state(path: number): PathState {
    return this.#paths[path] as PathState;
  }
}

function throughput(args: ArgumentReader): number {
  if (args.left === 0) return 1;
  const value = unsigned(args.next());
  if (value === undefined || value > MAX_THROUGHPUT) {
    return refuse(`${serviceTime.name} ps: invalid relative_throughput value`);
  }
  return value;
}

function isBetter(a: PathState, b: PathState, bytes: number): boolean {
  if (a.throughput === 0 || b.throughput === 0) {
    return a.throughput === b.throughput ? a.inFlight < b.inFlight : a.throughput > 0;
  }
  // Multiplied crosswise rather than divided.
  const timeA = (a.inFlight + bytes) * b.throughput;
  const timeB = (b.inFlight + bytes) * a.throughput;
  return timeA === timeB ? a.throughput > b.throughput : timeA < timeB;
}
