import { TscryptError } from '../../errors.ts';
import { parseSize } from '../../units.ts';
import type { OptionKind } from './registry.ts';

/** A command line that makes no sense; shown with a line of usage, exit 1. */
export function usageError(message: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', message, { details: { usage: true } });
}

export function isUsageError(error: unknown): boolean {
  return error instanceof TscryptError && error.details.usage === true;
}

/** A whole number as popt takes it: decimal or `0x`, a sign in front. */
export function parseNumber(text: string): number | undefined {
  const match = /^([+-]?)(\d+|0x[0-9a-f]+)$/i.exec(text.trim());
  const value = match?.[2] === undefined ? Number.NaN : Number(match[2]);
  if (!Number.isSafeInteger(value)) return undefined;
  return match?.[1] === '-' ? -value : value;
}

/**
 * The value of an option.
 *
 * @param option as the user wrote it, for the message
 * @throws TscryptError INVALID_ARGUMENT, a usage error
 */
export function parseValue(kind: OptionKind, option: string, text: string): string | number | boolean {
  switch (kind) {
    case 'boolean':
      return true;
    case 'string':
      return text;
    case 'number': {
      const value = parseNumber(text);
      if (value === undefined) throw usageError(`${option}: invalid numeric value`);
      return value;
    }
    case 'size':
      try {
        return parseSize(text);
      } catch {
        throw usageError(`${option}: invalid numeric value`);
      }
  }
}
