import { SECTOR_SIZE } from '../../../units.ts';
import { refusal } from '../failure.ts';

/** Bytes of each unit: small letters count in 1024, capitals in 1000, except for sectors and bytes. */
const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['b', 1n],
  ['B', 1n],
  ['s', BigInt(SECTOR_SIZE)],
  ['S', BigInt(SECTOR_SIZE)],
  ...[...'kmgtpe'].map((unit, i) => [unit, 1024n ** BigInt(i + 1)] as const),
  ...[...'KMGTPE'].map((unit, i) => [unit, 1000n ** BigInt(i + 1)] as const),
]);

/** Bytes of a unit; undefined if there is none of that letter. */
export function unitBytes(letter: string): bigint | undefined {
  return UNITS.get(letter);
}

/**
 * `--start`, `--length` or `--areasize`: a number of sectors, or of the unit behind it.
 *
 * @param option its name, for messages
 * @returns whole sectors
 * @throws TscryptError INVALID_ARGUMENT also where it is more than nothing and less than a sector
 */
export function sectorsOf(text: string, option: 'start' | 'length' | 'areasize'): bigint {
  const [, digits, unit = 's'] = /^\s*(\d+)([bskmgtpe]?)$/i.exec(text) ?? [];
  const bytes = digits === undefined ? undefined : BigInt(digits) * (UNITS.get(unit || 's') ?? 0n);
  const sectors = bytes === undefined ? 0n : bytes / BigInt(SECTOR_SIZE);
  if (bytes === undefined || (sectors === 0n && bytes > 0n) || sectors >= 2n ** 64n)
    throw refusal(`Invalid ${option} argument: "${text}"`);
  return sectors;
}
