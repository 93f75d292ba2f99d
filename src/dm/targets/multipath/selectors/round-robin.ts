import type { ArgumentReader } from '../../arguments.ts';
import { checkCount, repeatCount } from './arguments.ts';
import type { PathSelector, SelectorType } from './selector.ts';
import { UsablePaths } from './usable-paths.ts';

/** `round-robin`: one request each, in turn. A path that comes back is the next one. */
export const roundRobin: SelectorType = {
  name: 'round-robin',
  tableArgs: 1,
  infoArgs: 0,
  create: () => new RoundRobin(),
};

class RoundRobin implements PathSelector {
  readonly args = [];
  readonly #usable = new UsablePaths();
  readonly #repeatCounts: number[] = [];

  addPath(args: ArgumentReader): void {
    checkCount(roundRobin.name, args, 1);
    this.#usable.addLast(this.#repeatCounts.length);
    this.#repeatCounts.push(repeatCount(roundRobin.name, args));
  }

  select(): number {
    return this.#usable.count === 0 ? -1 : this.#usable.moveLast(0);
  }

  failPath(path: number): void {
    this.#usable.remove(path);
  }

  reinstatePath(path: number): void {
    this.#usable.addFirst(path);
  }

  startIo(): number {
    return 0;
  }

  endIo(): void {}

  tableArgsOf(path: number): readonly string[] {
    return [String(this.#repeatCounts[path])];
  }

  infoArgsOf(): readonly string[] {
    return [];
  }
}
