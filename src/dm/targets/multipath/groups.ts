import type { Path } from './paths.ts';
import type { PathSelector, SelectorType } from './selectors/selector.ts';

/** Paths that are used together; another group's are used when all of them have failed. */
export class PriorityGroup {
  /** From 1. */
  readonly number: number;
  readonly type: SelectorType;
  readonly selector: PathSelector;
  readonly paths: Path[] = [];
  /** Only used when all other groups have failed (`disable_group`). */
  bypassed = false;

  constructor(number: number, type: SelectorType, selector: PathSelector) {
    this.number = number;
    this.type = type;
    this.selector = selector;
  }
}

/** Which path is next: the groups of a multipath target, one of which is in use. */
export class PathGroups {
  readonly groups: readonly PriorityGroup[];
  readonly paths: readonly Path[];
  #usable: number;
  #current: PriorityGroup | undefined;
  /** To be tried first. */
  #next: PriorityGroup | undefined;
  #chosen = false;

  /** @param initial number of the group to begin with; one that is not there means no particular one */
  constructor(groups: readonly PriorityGroup[], initial: number) {
    this.groups = groups;
    this.paths = groups.flatMap((group) => group.paths);
    this.#usable = this.paths.length;
    this.#next = groups[initial - 1];
  }

  /** Paths that have not failed. */
  get usable(): number {
    return this.#usable;
  }

  get current(): PriorityGroup | undefined {
    return this.#current;
  }

  /** The number that tables and statuses show: of the group to come, else of the one in use, else the first. */
  get shownNumber(): number {
    return (this.#next ?? this.#current ?? this.groups[0])?.number ?? 0;
  }

  /** Whether a path was ever asked for: until then the kernel counts requests as queued. */
  get chosen(): boolean {
    return this.#chosen;
  }

  /**
   * The path for a request of so many bytes. The group in use stays until all its paths have failed; then the
   * first other that has one takes over, bypassed groups last.
   */
  choose(bytes: number): Path | undefined {
    this.#chosen = true;
    if (this.#usable > 0) {
      const next = this.#next;
      this.#next = undefined;
      const path =
        this.#chooseIn(next, bytes) ??
        this.#chooseIn(this.#current, bytes) ??
        this.#chooseAmong(false, bytes) ??
        this.#chooseAmong(true, bytes);
      if (path) return path;
    }
    this.#current = undefined;
    return undefined;
  }

  /** @returns whether it was usable until now */
  fail(path: Path): boolean {
    if (!path.active) return false;
    path.group.selector.failPath(path.index);
    path.active = false;
    path.failCount++;
    this.#usable--;
    return true;
  }

  /** @returns whether it was failed until now */
  reinstate(path: Path): boolean {
    if (path.active) return false;
    path.group.selector.reinstatePath(path.index);
    path.active = true;
    this.#usable++;
    return true;
  }

  /** Puts a group behind all others, or back in its place; the group in use is chosen anew. */
  bypass(group: PriorityGroup, bypassed: boolean): void {
    group.bypassed = bypassed;
    this.#current = undefined;
  }

  /** The group to be tried next. No group is bypassed any more, as in the kernel. */
  switchTo(group: PriorityGroup): void {
    for (const other of this.groups) other.bypassed = false;
    this.#current = undefined;
    this.#next = group;
  }

  #chooseAmong(bypassed: boolean, bytes: number): Path | undefined {
    for (const group of this.groups) {
      if (group.bypassed !== bypassed) continue;
      const path = this.#chooseIn(group, bytes);
      if (path) return path;
    }
    return undefined;
  }

  #chooseIn(group: PriorityGroup | undefined, bytes: number): Path | undefined {
    if (!group) return undefined;
    const index = group.selector.select(bytes);
    if (index < 0) return undefined;
    this.#current = group;
    return group.paths[index];
  }
}
