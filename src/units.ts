import { TscryptError } from './errors.ts';

/** A sector is 512 bytes, always, whatever the device's block size (kernel, device-mapper convention). */
export const SECTOR_SIZE = 512;

export const KIB = 1024;
export const MIB = 1024 * 1024;

/** Rounds `value` down to a multiple of `unit` (any positive integer). */
export function alignDown(value: number, unit: number): number {
  return value - (value % unit);
}

/** Rounds `value` up to a multiple of `unit` (any positive integer). */
export function alignUp(value: number, unit: number): number {
  return alignDown(value + unit - 1, unit);
}

export function isPowerOfTwo(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value));
}

const SUFFIX = /^(0x[0-9a-f]+|\d+)\s*(?:([kmgt])(ib|b)?|(s)|(b))?$/i;
const POWER: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4 };

/**
 * A size in bytes as cryptsetup's options take it: plain or `0x` number; `S` = 512-byte sectors;
 * `K M G T` and `KiB …` are powers of 1024, `KB …` powers of 1000.
 *
 * @throws TscryptError INVALID_ARGUMENT when the text is no size or exceeds 2^53−1
 */
export function parseSize(text: string): number {
  const match = SUFFIX.exec(text.trim());
  if (!match?.[1]) throw new TscryptError('INVALID_ARGUMENT', `Invalid size specification "${text}".`);
  const [, digits, prefix, unit, sectors] = match;
  const base = unit?.toLowerCase() === 'b' ? 1000 : 1024;
  const factor = sectors ? SECTOR_SIZE : prefix ? base ** (POWER[prefix.toLowerCase()] ?? 0) : 1;
  const bytes = Number(digits) * factor;
  if (!Number.isSafeInteger(bytes))
    throw new TscryptError('INVALID_ARGUMENT', `Size "${text}" is too large.`);
  return bytes;
}
