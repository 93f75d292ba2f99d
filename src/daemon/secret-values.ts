import { Secret } from '../crypto/secret.ts';
import type { TableSpec } from '../table/spec.ts';

/** Disposes of every secret in a value that was made of arrays and plain objects. */
export function disposeSecrets(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof Secret) value.dispose();
  else for (const member of Object.values(value)) disposeSecrets(member);
}

/** The table with keys of its own, since those of a live table may go at any time. */
export function copyTable(lines: TableSpec): TableSpec {
  return lines.map((line) => ({
    ...line,
    args: line.args.map((arg) => (arg instanceof Secret ? Secret.copy(arg.bytes) : arg)),
  }));
}
