import type { ArgumentReader } from '../../arguments.ts';

/**
 * Chooses among the paths of one priority group (drivers' `path_selector_type`). Paths are known by
 * their place in the group, from 0.
 */
export interface PathSelector {
  /** What it was made with, a count before it: behind the selector's name in tables, in statuses as well. */
  readonly args: readonly string[];
  /** The next path of the group, with the arguments behind its device. @throws TscryptError INVALID_ARGUMENT */
  addPath(args: ArgumentReader): void;
  /**
   * The path for a request of so many bytes (0 for a flush), −1 when all have failed. Chooses another one
   * next time, where others are as good.
   */
  select(bytes: number): number;
  /** Not to be chosen until {@link reinstatePath}. */
  failPath(path: number): void;
  reinstatePath(path: number): void;
  /** A request starts on a path. @returns what {@link endIo} wants to have back */
  startIo(path: number, bytes: number): number;
  /** It ended there, well or not. */
  endIo(path: number, bytes: number, started: number): void;
  /** What a table says behind a path's device: {@link SelectorType.tableArgs} words. */
  tableArgsOf(path: number): readonly string[];
  /** What a status says behind a path's fail count: {@link SelectorType.infoArgs} words. */
  infoArgsOf(path: number): readonly string[];
}

export interface SelectorType {
  /** As in the table; its case matters. */
  readonly name: string;
  /** Words per path in tables and in statuses. */
  readonly tableArgs: number;
  readonly infoArgs: number;
  /** @throws TscryptError INVALID_ARGUMENT */
  create(args: ArgumentReader): PathSelector;
}
