/**
 * Numbers in `@stats_…` messages, as the kernel's sscanf reads them: blanks before a number are skipped, nothing may
 * follow it, and what is too large for its type wraps.
 */

const BLANKS = '[ \\t\\n\\v\\f\\r]*';
const UNSIGNED = new RegExp(`^${BLANKS}(\\d+)$`);
const SIGNED = new RegExp(`^${BLANKS}(-?\\d+)$`);
const PART = new RegExp(`^/${BLANKS}(\\d+)$`);
const RANGE = new RegExp(`^${BLANKS}(\\d+)\\+${BLANKS}(\\d+)$`);

/** A decimal number without a sign, modulo 2^64. */
export function scanU64(text: string): bigint | undefined {
  const digits = UNSIGNED.exec(text)?.[1];
  return digits === undefined ? undefined : u64(BigInt(digits));
}

/** A decimal number without a sign, modulo 2^32. */
export function scanU32(text: string): number | undefined {
  const digits = UNSIGNED.exec(text)?.[1];
  return digits === undefined ? undefined : Number(BigInt.asUintN(32, BigInt(digits)));
}

/** A decimal number, modulo 2^32, between -2^31 and 2^31-1. */
export function scanS32(text: string): number | undefined {
  const digits = SIGNED.exec(text)?.[1];
  return digits === undefined ? undefined : Number(BigInt.asIntN(32, BigInt(digits)));
}

/** `/<number>`, modulo 2^32. */
export function scanPart(text: string): number | undefined {
  const digits = PART.exec(text)?.[1];
  return digits === undefined ? undefined : Number(BigInt.asUintN(32, BigInt(digits)));
}

/** `<start>+<length>`, each modulo 2^64. */
export function scanRange(text: string): { readonly start: bigint; readonly length: bigint } | undefined {
  const [, start, length] = RANGE.exec(text) ?? [];
  if (start === undefined || length === undefined) return undefined;
  return { start: u64(BigInt(start)), length: u64(BigInt(length)) };
}

export function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
