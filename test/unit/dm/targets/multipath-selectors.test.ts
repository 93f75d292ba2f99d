import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ArgumentReader } from '../../../../src/dm/targets/arguments.ts';
import { selectorTypes } from '../../../../src/dm/targets/multipath/selectors/registry.ts';
import type { PathSelector } from '../../../../src/dm/targets/multipath/selectors/selector.ts';

/** @param paths the arguments of each path */
function selector(name: string, paths: readonly string[], args = ''): PathSelector {
  const made = selectorTypes.get(name)!.create(reader(args));
  for (const path of paths) made.addPath(reader(path));
  return made;
}

function reader(text: string): ArgumentReader {
  return new ArgumentReader(text.split(' ').filter((word) => word !== ''));
}

/** The paths of requests that end at once. */
function turns(made: PathSelector, count: number, bytes = 4096): number[] {
  return Array.from({ length: count }, () => {
    const path = made.select(bytes);
    if (path >= 0) made.endIo(path, bytes, made.startIo(path, bytes));
    return path;
  });
}

/** The paths of requests that stay under way. */
function pile(made: PathSelector, count: number, bytes = 4096): number[] {
  return Array.from({ length: count }, () => {
    const path = made.select(bytes);
    made.startIo(path, bytes);
    return path;
  });
}

describe.each(['round-robin', 'queue-length', 'service-time', 'historical-service-time'])('%s', (name) => {
  it('takes turns where paths are as good', () => {
    expect(turns(selector(name, ['', '', '']), 3).toSorted()).toEqual([0, 1, 2]);
  });

  it('leaves failed paths out, and has none when all have failed', () => {
    const made = selector(name, ['', '', '']);
    made.failPath(1);
    expect(turns(made, 8)).not.toContain(1);
    made.failPath(0);
    expect(turns(made, 2)).toEqual([2, 2]);
    made.failPath(2);
    expect(made.select(512)).toBe(-1);
    made.reinstatePath(0);
    expect(turns(made, 2)).toEqual([0, 0]);
  });
});

describe('round-robin', () => {
  it('begins with the path that came back', () => {
    const made = selector('round-robin', ['', '', '']);
    made.failPath(1);
    expect(turns(made, 3)).toEqual([0, 2, 0]);
    made.reinstatePath(1);
    expect(turns(made, 4)).toEqual([1, 2, 0, 1]);
  });
});

describe('queue-length', () => {
  it('prefers the path with the fewest requests, whatever their size', () => {
    const made = selector('queue-length', ['', '', '']);
    expect(pile(made, 4)).toEqual([0, 1, 2, 0]);
    made.endIo(2, 4096, 0);
    expect(pile(made, 2, 1 << 20)).toEqual([2, 1]);
    expect([0, 1, 2].map((path) => made.infoArgsOf(path))).toEqual([['2'], ['2'], ['1']]);
  });

  it('puts a path that came back last', () => {
    const made = selector('queue-length', ['', '', '']);
    made.failPath(0);
    made.reinstatePath(0);
    expect(turns(made, 3)).toEqual([1, 2, 0]);
  });
});

describe('service-time', () => {
  it('prefers the path with the fewest bytes under way', () => {
    const made = selector('service-time', ['', '']);
    expect(pile(made, 1, 8192)).toEqual([0]);
    expect(pile(made, 3, 4096)).toEqual([1, 1, 0]);
    expect(made.infoArgsOf(0)).toEqual(['12288', '1']);
    expect(made.infoArgsOf(1)).toEqual(['8192', '1']);
  });

  it('counts the bytes of a path by its throughput', () => {
    const made = selector('service-time', ['1 1', '1 3']);
    // As much time for three on the second as for one on the first.
    expect(pile(made, 8)).toEqual([1, 1, 1, 0, 1, 1, 1, 0]);
  });

  it('uses a path of throughput 0 only where no other is left', () => {
    const made = selector('service-time', ['1 0', '1 1', '1 0']);
    expect(pile(made, 3)).toEqual([1, 1, 1]);
    made.failPath(1);
    expect(pile(made, 4)).toEqual([0, 2, 0, 2]);
    made.startIo(0, 1 << 20);
    expect(pile(made, 2)).toEqual([2, 2]);
  });

  it('prefers the throughput where nothing is to be carried', () => {
    expect(turns(selector('service-time', ['1 1', '1 5']), 2, 0)).toEqual([1, 1]);
  });
});

describe('historical-service-time', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }));
  afterEach(() => void vi.useRealTimers());

  /** A request on a path, of so many milliseconds. */
  function serve(made: PathSelector, path: number, milliseconds: number): void {
    const started = made.startIo(path, 4096);
    vi.advanceTimersByTime(milliseconds);
    made.endIo(path, 4096, started);
  }

  it('averages what requests took, in 1024ths of a nanosecond', () => {
    const made = selector('historical-service-time', ['', ''], '512');
    expect(made.infoArgsOf(0)).toEqual(['1024', '0', '0']);
    serve(made, 0, 10);
    // Half of 1 ns and half of 10 ms; fresh for as long as two paths take on an average.
    const average = (0.5 + 5_000_000) * 1024;
    expect(made.infoArgsOf(0)).toEqual([String(average), '0', String(10_000_000 + 2 * 5_000_000)]);
    // Two units of 2^24 ns: the history weighs a half of a half … three times.
    serve(made, 0, 40);
    expect(Number(made.infoArgsOf(0)[0])).toBe(Math.round(average / 8 + (40_000_000 * 1024 * 7) / 8));
  });

  it('forgets what was before a request that took more than a second', () => {
    const made = selector('historical-service-time', ['']);
    serve(made, 0, 10);
    serve(made, 0, 1100);
    expect(made.infoArgsOf(0)[0]).toBe(String(1_100_000_000 * 1024));
  });

  it('counts requests that were under way together as if they came one after the other', () => {
    const made = selector('historical-service-time', [''], '0');
    const starts = [made.startIo(0, 1), made.startIo(0, 1)];
    expect(made.infoArgsOf(0)[1]).toBe('2');
    vi.advanceTimersByTime(8);
    made.endIo(0, 1, starts[0]!);
    vi.advanceTimersByTime(2);
    made.endIo(0, 1, starts[1]!);
    expect(made.infoArgsOf(0)).toEqual([String(2_000_000 * 1024), '0', String(10_000_000 + 2_000_000)]);
  });

  it('prefers the quicker path, counting those who wait there', () => {
    const made = selector('historical-service-time', ['', ''], '0');
    serve(made, 0, 30);
    serve(made, 1, 10);
    expect(pile(made, 8)).toEqual([1, 1, 1, 0, 1, 1, 1, 0]);
  });

  it.each([
    [0, 1],
    [1, 0],
  ])('tries path %s, idle for long, though %s is quicker', (slow, quick) => {
    const chosenAfter = (idle: number): number => {
      const made = selector('historical-service-time', ['', ''], '0');
      serve(made, slow, 30);
      serve(made, quick, 10);
      made.startIo(quick, 1);
      vi.advanceTimersByTime(idle);
      serve(made, quick, 10);
      return made.select(1);
    };
    expect(chosenAfter(0)).toBe(quick);
    expect(chosenAfter(1000)).toBe(slow);
  });

  it('gives a path that has not finished anything for long no more than the others', () => {
    const made = selector('historical-service-time', ['', ''], '0');
    serve(made, 0, 30);
    serve(made, 1, 1);
    made.startIo(0, 1);
    made.startIo(1, 1);
    vi.advanceTimersByTime(1000);
    expect(pile(made, 4).toSorted()).toEqual([0, 0, 1, 1]);
  });

  it('takes paths for equal below the threshold', () => {
    const made = selector('historical-service-time', ['', ''], '0 4');
    serve(made, 0, 30);
    serve(made, 1, 10);
    expect(pile(made, 4).toSorted()).toEqual([0, 0, 1, 1]);
  });
});

describe('io-affinity', () => {
  it('goes the way of processor 0, and another way when that has failed', () => {
    const made = selector('io-affinity', ['2', '5', 'f8']);
    expect(turns(made, 2)).toEqual([1, 1]);
    made.failPath(1);
    expect(turns(made, 2)).toEqual([0, 0]);
    made.failPath(0);
    expect(turns(made, 1)).toEqual([2]);
    made.failPath(2);
    expect(turns(made, 1)).toEqual([-1]);
    made.reinstatePath(1);
    expect(turns(made, 1)).toEqual([1]);
    expect(made.infoArgsOf(0)).toEqual(['0']);
  });

  it('counts requests of a processor without a path', () => {
    const made = selector('io-affinity', ['8', '2']);
    // The path with the lowest processor steps in.
    expect(turns(made, 3)).toEqual([1, 1, 1]);
    expect(made.infoArgsOf(0)).toEqual(['3']);
    expect(made.infoArgsOf(1)).toEqual(['3']);
  });

  it('prints masks as the kernel does', () => {
    const made = selector('io-affinity', ['1', '0,00000002', 'F,0000000C']);
    expect([0, 1, 2].map((path) => made.tableArgsOf(path)[0])).toEqual(['1', '2', 'f,0000000c']);
  });
});
