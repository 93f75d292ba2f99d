import { TscryptError } from '../../../errors.ts';

/** What was counted, of an area or of several. Times are nanoseconds, whatever the region's are. */
export interface Counters {
  readonly reads: number;
  readonly readMerges: number;
  readonly readSectors: number;
  readonly readTime: number;
  readonly writes: number;
  readonly writeMerges: number;
  readonly writeSectors: number;
  readonly writeTime: number;
  readonly inFlight: number;
  readonly ioTicks: number;
  readonly queueTicks: number;
  readonly readTicks: number;
  readonly writeTicks: number;
  /** Requests between two bounds; empty without a histogram. */
  readonly histogram: readonly number[];
}

const NAMES = [
  'reads',
  'readMerges',
  'readSectors',
  'readTime',
  'writes',
  'writeMerges',
  'writeSectors',
  'writeTime',
  'inFlight',
  'ioTicks',
  'queueTicks',
  'readTicks',
  'writeTicks',
] as const;
const TIMES: ReadonlySet<string> = new Set([
  'readTime',
  'writeTime',
  'ioTicks',
  'queueTicks',
  'readTicks',
  'writeTicks',
]);

export const NO_COUNTERS: Counters = sumCounters([]);

/**
 * An answer to `@stats_print`, by area.
 *
 * @param precise the times in it are nanoseconds, not milliseconds
 */
export function parseCounters(answer: string, precise: boolean): Counters[] {
  const unit = precise ? 1 : 1e6;
  return answer
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, ...words] = line.split(' ');
      const values = words.slice(0, NAMES.length).map(Number);
      if (values.length < NAMES.length || values.some(Number.isNaN))
        throw new TscryptError('PROTOCOL_ERROR', `Cannot read the statistics "${line}".`);
      return fromValues(
        values.map((value, at) => (TIMES.has(NAMES[at] ?? '') ? value * unit : value)),
        words[NAMES.length]?.split(':').map(Number) ?? [],
      );
    });
}

/** The counters of several areas taken together. */
export function sumCounters(all: readonly Counters[]): Counters {
  const bins = all.reduce((most, { histogram }) => Math.max(most, histogram.length), 0);
  return fromValues(
    NAMES.map((name) => all.reduce((sum, one) => sum + one[name], 0)),
    Array.from({ length: bins }, (_, bin) => all.reduce((sum, one) => sum + (one.histogram[bin] ?? 0), 0)),
  );
}

function fromValues(values: readonly number[], histogram: readonly number[]): Counters {
  const [reads = 0, readMerges = 0, readSectors = 0, readTime = 0, ...afterReads] = values;
  const [writes = 0, writeMerges = 0, writeSectors = 0, writeTime = 0, ...others] = afterReads;
  const [inFlight = 0, ioTicks = 0, queueTicks = 0, readTicks = 0, writeTicks = 0] = others;
  return {
    ...{ reads, readMerges, readSectors, readTime, writes, writeMerges, writeSectors, writeTime },
    ...{ inFlight, ioTicks, queueTicks, readTicks, writeTicks, histogram },
  };
}
