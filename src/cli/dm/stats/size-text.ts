import { SECTOR_SIZE } from '../../../units.ts';
import { refusal } from '../failure.ts';
import { unitBytes } from './sizes.ts';

/** Writes a number of sectors as `--units` wants it. */
export type SizeFormat = (sectors: bigint) => string;

const LETTERS = 'kmgtpe';

/**
 * `--units`: `h` or `r`, in the largest unit of which there is one, with its letter (`r` says with `<` that it was
 * rounded up); or a unit, or so many of it: `s`, `m`, `3m`. Capitals count in 1000.
 *
 * @throws TscryptError INVALID_ARGUMENT
 */
export function sizeFormat(units: string): SizeFormat {
  const [, count, letter = ''] = /^(\d+(?:\.\d+)?)?([hrbskmgtpe])$/i.exec(units) ?? [];
  const factor = Number(count ?? 1);
  if (letter === '' || factor === 0) throw refusal('Invalid --units argument.');
  if (/[hr]/i.test(letter)) return (sectors) => readable(sectors, letter);
  const unit = Number(unitBytes(letter)) * factor;
  const whole = /[bs]/i.test(letter) && count === undefined;
  return (sectors) => {
    if (sectors === 0n) return '0';
    const bytes = sectors * BigInt(SECTOR_SIZE);
    return whole ? String(bytes / BigInt(unit)) : (Number(bytes) / unit).toFixed(2);
  };
}

function readable(sectors: bigint, kind: string): string {
  if (sectors === 0n) return '0';
  const bytes = sectors * BigInt(SECTOR_SIZE);
  const capitals = kind === kind.toUpperCase();
  const letters = capitals ? LETTERS.toUpperCase() : LETTERS;
  const letter = [...letters].reverse().find((one) => bytes >= (unitBytes(one) ?? 0n));
  if (letter === undefined) return `${bytes}${capitals ? 'B' : 'b'}`;
  const value = Number(bytes) / Number(unitBytes(letter));
  const text = value.toFixed(2);
  const roundedUp = kind.toLowerCase() === 'r' && Number(text) > value;
  return `${roundedUp ? '<' : ''}${text}${letter}`;
}
