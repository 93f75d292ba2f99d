import { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import type { TableArg, TableLine, TableSpec } from '../table/spec.ts';

/** What requests to a daemon bring, checked: they come from other programs of the same user. */
export type Parameters = Readonly<Record<string, unknown>>;

export function flag(value: unknown, field: string, otherwise: boolean): boolean {
  return optionalFlag(value, field) ?? otherwise;
}

export function optionalFlag(value: unknown, field: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrong(field, 'a boolean');
}

export function count(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(field, 'a number');
}

export function text(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  throw wrong(field, 'a string');
}

export function tableArgs(value: unknown, field: string): TableArg[] {
  if (Array.isArray(value) && value.every((word) => typeof word === 'string' || word instanceof Secret))
    return value;
  throw wrong(field, 'a list of words');
}

export function table(value: unknown, field: string): TableSpec {
  if (!Array.isArray(value)) throw wrong(field, 'a table');
  return value.map((line: Partial<TableLine> | null): TableLine => {
    const { start, length, type, args } = line ?? {};
    return {
      start: count(start, field),
      length: count(length, field),
      type: text(type, field),
      args: tableArgs(args, field),
    };
  });
}

export function wrong(field: string, expected: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `${field} must be ${expected}.`, {
    details: { field, expected },
  });
}
