import { refusal } from '../failure.ts';

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  '': 1n,
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
};
const MILLISECOND = 1_000_000n;

/**
 * `--bounds`: times separated by commas, in nanoseconds or with a unit.
 *
 * @returns nanoseconds
 * @throws TscryptError INVALID_ARGUMENT
 */
export function parseBounds(text: string): readonly bigint[] {
  const bounds: bigint[] = [];
  for (const word of text.split(',')) {
    if (word === '') throw refusal(`Empty histogram bin not allowed: ${text}`);
    const [, digits = '', unit = ''] = /^(\d*)(.*)$/s.exec(word) ?? [];
    const factor = NANOSECONDS[unit];
    if (factor === undefined || digits === '')
      throw refusal(`Invalid character in histogram: ${strange(unit)}`);
    const bound = BigInt(digits) * factor;
    if (bound <= (bounds.at(-1) ?? 0n))
      throw refusal('Histogram boundaries must be in order of increasing magnitude.');
    bounds.push(bound);
  }
  return bounds;
}

/** The first character that is in no unit, or behind one. */
function strange(unit: string): string {
  const known = Object.keys(NANOSECONDS).filter((name) => name !== '' && unit.startsWith(name));
  const longest = known.reduce((most, name) => Math.max(most, name.length), 0);
  return unit.charAt(longest);
}

/** Bounds as a region has them: milliseconds where that is fine enough and nanoseconds were not asked for. */
export function regionBounds(
  bounds: readonly bigint[],
  precise: boolean,
): { readonly precise: boolean; readonly bounds: readonly bigint[] } {
  const fine = precise || bounds.some((bound) => bound % MILLISECOND !== 0n);
  return { precise: fine, bounds: fine ? bounds : bounds.map((bound) => bound / MILLISECOND) };
}

/** A time as reports show it: in the largest unit that it is a whole number of. */
export function formatBound(nanoseconds: bigint, suffix: boolean): string {
  if (!suffix) return String(nanoseconds);
  const units = [
    ['s', NANOSECONDS.s],
    ['ms', NANOSECONDS.ms],
    ['us', NANOSECONDS.us],
  ] as const;
  for (const [unit, factor = 1n] of units)
    if (nanoseconds % factor === 0n) return `${nanoseconds / factor}${unit}`;
  return `${nanoseconds}ns`;
}
