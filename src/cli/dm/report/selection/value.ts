import { SECTOR_SIZE } from '../../../../units.ts';
import type { FieldKey, FieldType } from '../field.ts';

/** Powers of 1024 in small letters, of 1000 in capitals. */
const MULTIPLES = 'kmgtpe';
const PLAIN_UNITS: Readonly<Record<string, number>> = { h: 1, r: 1, b: 1, s: SECTOR_SIZE };
const DEFAULT_UNIT = 'm';
const MAX_NUMBER = 2n ** 64n - 1n;

/** A number in a selection, as it is compared with numbers and with sizes. */
export interface NumberValue {
  asFor(key: FieldKey): FieldKey;
}

/** A number at the beginning of a text, with what stands right behind it. */
export interface NumberToken {
  /** Digits, perhaps with a point among them. */
  readonly digits: string;
  /** A letter that is a unit of sizes, or a per cent sign. */
  readonly unit: string | undefined;
  /** Characters of both. */
  readonly length: number;
}

/** @returns undefined when there is no number */
export function scanNumber(text: string): NumberToken | undefined {
  const digits = /^(?:\d+\.?\d*|\.\d*)/.exec(text)?.[0];
  if (digits === undefined) return undefined;
  const next = text.charAt(digits.length);
  const unit = next === '%' || factorOf(next) !== undefined ? next : undefined;
  return { digits, unit, length: digits.length + (unit?.length ?? 0) };
}

/**
 * The value for a field of that type; sizes are sectors.
 *
 * @returns undefined when it is larger than any field's
 */
export function numberValue(
  { digits, unit = DEFAULT_UNIT }: NumberToken,
  type: FieldType,
): NumberValue | undefined {
  if (type === 'size') {
    const sectors = (decimal(digits) * (factorOf(unit) ?? 1)) / SECTOR_SIZE;
    return { asFor: () => sectors };
  }
  const whole = BigInt(digits.split('.')[0] || '0');
  if (whole > MAX_NUMBER) return undefined;
  const exact = decimal(digits);
  // What counts things is compared with the whole part.
  return { asFor: (key) => (typeof key === 'number' && !Number.isInteger(key) ? exact : whole) };
}

function decimal(digits: string): number {
  return digits === '.' ? 0 : Number(digits);
}

/** Bytes of a unit of sizes. */
function factorOf(unit: string): number | undefined {
  const letter = unit.toLowerCase();
  const power = letter === '' ? -1 : MULTIPLES.indexOf(letter);
  return power < 0 ? PLAIN_UNITS[letter] : (unit === letter ? 1024 : 1000) ** (power + 1);
}
