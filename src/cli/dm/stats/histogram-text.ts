import { formatBound } from './bounds.ts';
import type { StatsRegion } from './regions.ts';

/** What stands before a number: nothing, where it begins, or where it begins and ends. */
export type HistogramLabels = 'none' | 'bounds' | 'ranges';

/** How wide numbers and times are. */
const NUMBER = 6;
const PERCENT = 7;
const TIME = 6;
const NANOSECONDS = 10;

/** The times of a region's histogram with that of its beginning, 0, in nanoseconds; empty if it has none. */
function boundsOf({ bounds, precise }: StatsRegion): readonly bigint[] {
  return bounds.length === 0 ? [] : [0n, ...bounds.map((bound) => bound * (precise ? 1n : 1_000_000n))];
}

/** `0s,1ms,20ms` @param suffix times have units */
export function histogramBounds(region: StatsRegion, suffix: boolean): string {
  return startsOf(region, suffix).join(',');
}

function startsOf(region: StatsRegion, suffix: boolean): string[] {
  return boundsOf(region).map((bound) => formatBound(bound, suffix));
}

/** `0s-1ms,1ms-20ms,>20ms` */
export function histogramRanges(region: StatsRegion, suffix: boolean): string {
  return rangesOf(region, suffix).join(',');
}

function rangesOf(region: StatsRegion, suffix: boolean): string[] {
  const bounds = startsOf(region, suffix);
  return bounds.map((bound, at) =>
    bounds[at + 1] === undefined ? `>${bound}` : `${bound}-${bounds[at + 1]}`,
  );
}

/** How histograms are written. */
export interface HistogramFormat {
  /** Times have units; otherwise they are nanoseconds. */
  readonly suffix: boolean;
  /** Everything as wide as below it; otherwise nothing but colons stands between labels and numbers. */
  readonly padded: boolean;
}

/** How many requests there were in each range. */
export function histogramCounts(
  region: StatsRegion,
  counts: readonly number[],
  labels: HistogramLabels,
  format: HistogramFormat,
): string {
  const values = rangesOf(region, true).map((_, bin) => String(counts[bin] ?? 0));
  return labelled(region, values, labels, NUMBER, format);
}

/** The same as a share of all. */
export function histogramPercents(
  region: StatsRegion,
  counts: readonly number[],
  labels: HistogramLabels,
  format: HistogramFormat,
): string {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const percent = (bin: number): number => (all === 0 ? 0 : ((counts[bin] ?? 0) * 100) / all);
  const values = rangesOf(region, true).map((_, bin) => `${percent(bin).toFixed(2)}%`);
  return labelled(region, values, labels, PERCENT, format);
}

/** A label that is wider than others takes the room of its number. */
function labelled(
  region: StatsRegion,
  values: readonly string[],
  kind: HistogramLabels,
  width: number,
  { suffix, padded }: HistogramFormat,
): string {
  const labels = kind === 'ranges' ? rangesOf(region, suffix) : startsOf(region, suffix);
  if (!padded)
    return values.map((value, bin) => (kind === 'none' ? value : `${labels[bin]}:${value}`)).join(':');
  if (kind === 'none') return values.map((value) => value.padStart(width)).join('');
  const time = suffix ? TIME : NANOSECONDS;
  return values
    .map((value, bin) => {
      // Only ranges with an end begin at the left.
      const closed = kind === 'ranges' && bin < values.length - 1;
      const label = (labels[bin] ?? '').padStart(closed ? 0 : time);
      return `${label}:${value.padStart(time + width - label.length)}`;
    })
    .join(',');
}
