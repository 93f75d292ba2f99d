import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaNumbers, type Direction, READ, Region, WRITE } from '../../src/dm/stats/region.ts';

/** A request in a region's life: milliseconds and sectors. */
interface Request {
  readonly direction: Direction;
  readonly from: number;
  readonly length: number;
  readonly begins: number;
  readonly takes: number;
  readonly merged: boolean;
}

interface Place {
  readonly start: number;
  readonly length: number;
  readonly step: number;
}

const LAST = 40;

/** The region's lines after all requests, from what is written about each counter, millisecond by millisecond. */
function expected(place: Place, bounds: readonly number[], requests: readonly Request[]): string {
  const areas = Math.ceil(place.length / place.step);
  return Array.from({ length: areas }, (_, area) => {
    const start = place.start + area * place.step;
    const end = Math.min(start + place.step, place.start + place.length);
    const touching = requests
      .map((one) => ({
        ...one,
        sectors: Math.min(end, one.from + one.length) - Math.max(start, one.from),
        ends: one.begins + one.takes,
      }))
      .filter(({ sectors }) => sectors > 0);
    const done = (direction: Direction) =>
      touching.filter((one) => one.direction === direction && one.ends <= LAST);
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
    const four = (direction: Direction): number[] => [
      done(direction).length,
      done(direction).filter(({ merged }) => merged).length,
      sum(done(direction).map(({ sectors }) => sectors)),
      sum(done(direction).map(({ takes }) => takes)),
    ];
    const inFlight = (at: number) => touching.filter(({ begins, ends }) => begins <= at && at < ends);
    const moments = Array.from({ length: LAST }, (_unused, at) => inFlight(at));
    const counters = [
      ...four(READ),
      ...four(WRITE),
      inFlight(LAST).length,
      moments.filter((one) => one.length > 0).length,
      sum(moments.map((one) => one.length)),
      ...[READ, WRITE].map((way) => moments.filter((one) => one.some((r) => r.direction === way)).length),
    ];
    const took = [...done(READ), ...done(WRITE)].map(({ takes }) => takes);
    const limits = [0, ...bounds, Number.POSITIVE_INFINITY];
    const histogram =
      bounds.length === 0
        ? []
        : limits.slice(0, -1).map((low, i) => {
            return took.filter((time) => low <= time && time < (limits[i + 1] as number)).length;
          });
    const words = histogram.length === 0 ? counters : [...counters, histogram.join(':')];
    return `${start}+${place.step} ${words.join(' ')}\n`;
  }).join('');
}

function actual(
  place: Place,
  bounds: readonly number[],
  requests: readonly Request[],
  precise: boolean,
): string {
  const spec = {
    start: BigInt(place.start),
    length: BigInt(place.length),
    step: BigInt(place.step),
    precise,
    bounds: bounds.map((bound) => BigInt(bound) * (precise ? 1_000_000n : 1n)),
    programId: '-',
  };
  const areas = Math.ceil(place.length / place.step);
  const region = new Region(0, spec, '-', areas, new Float64Array(areas * areaNumbers(spec)));
  for (let now = 0; now <= LAST; now++) {
    for (const { direction, from, length, begins, takes, merged } of requests) {
      const to = from + length;
      if (begins === now) region.begin(direction, from, to, 1000 + now);
      if (begins + takes === now) region.end(direction, from, to, 1000 + begins, 1000 + now, merged);
    }
  }
  return region.print(0, areas, 1000 + LAST);
}

const requests = fc.array(
  fc.record({
    direction: fc.constantFrom<Direction>(READ, WRITE),
    from: fc.nat(60),
    length: fc.integer({ min: 1, max: 40 }),
    begins: fc.nat(LAST),
    takes: fc.nat(30),
    merged: fc.boolean(),
  }),
  { maxLength: 12 },
);
const places = fc.record({
  start: fc.nat(40),
  length: fc.integer({ min: 1, max: 60 }),
  step: fc.integer({ min: 1, max: 70 }),
});
const histograms = fc
  .uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 4 })
  .map((bounds) => bounds.toSorted((a, b) => a - b));

describe('statistics regions', () => {
  it('count what every millisecond looked at on its own says', () => {
    fc.assert(
      fc.property(places, histograms, requests, (place, bounds, list) => {
        expect(actual(place, bounds, list, false)).toBe(expected(place, bounds, list));
      }),
    );
  });

  it('count the same in nanoseconds', () => {
    const times = [3, 7, 9, 10, 11, 12];
    fc.assert(
      fc.property(places, histograms, requests, (place, bounds, list) => {
        const scaled = expected(place, bounds, list)
          .split('\n')
          .map((line) => line.split(' '))
          .map((words) =>
            words
              .map((word, i) => (times.includes(i - 1) && word !== '0' ? `${word}000000` : word))
              .join(' '),
          )
          .join('\n');
        expect(actual(place, bounds, list, true)).toBe(scaled);
      }),
    );
  });
});
