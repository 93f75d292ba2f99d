import type { ArgumentReader } from '../../arguments.ts';
import { checkCount, repeatCount } from './arguments.ts';
import type { PathSelector, SelectorType } from './selector.ts';
import { UsablePaths } from './usable-paths.ts';

/**
 * `queue-length`: the path with the fewest requests under way
 * (Documentation/admin-guide/device-mapper/dm-queue-length.rst).
 */
export const queueLength: SelectorType = {
  name: 'queue-length',
  tableArgs: 1,
  infoArgs: 1,
  create: () => new QueueLength(),
};

interface PathState {
  readonly repeatCount: number;
  inFlight: number;
}

class QueueLength implements PathSelector {
  readonly args = [];
  readonly #usable = new UsablePaths();
  readonly #paths: PathState[] = [];

  addPath(args: ArgumentReader): void {
    checkCount(queueLength.name, args, 1);
    this.#usable.addLast(this.#paths.length);
    this.#paths.push({ repeatCount: repeatCount(queueLength.name, args), inFlight: 0 });
  }

  select(): number {
    const usable = this.#usable;
    if (usable.count === 0) return -1;
    let best = 0;
    let fewest = this.#state(usable.at(0)).inFlight;
    for (let place = 1; place < usable.count && fewest > 0; place++) {
      const { inFlight } = this.#state(usable.at(place));
      if (inFlight >= fewest) continue;
      best = place;
      fewest = inFlight;
    }
    return usable.moveLast(best);
  }

  failPath(path: number): void {
    this.#usable.remove(path);
  }

  reinstatePath(path: number): void {
    this.#usable.addLast(path);
  }

  startIo(path: number): number {
    this.#state(path).inFlight++;
    return 0;
  }

  endIo(path: number): void {
    this.#state(path).inFlight--;
  }

  tableArgsOf(path: number): readonly string[] {
    return [String(this.#state(path).repeatCount)];
  }

  infoArgsOf(path: number): readonly string[] {
    return [String(this.#state(path).inFlight)];
  }

  #state(path: number): PathState {
    return this.#paths[path] as PathState;
  }
}
