import type { TableLine } from '../../../table/spec.ts';
import { refuse } from '../arguments.ts';

/** `zero` takes none (Documentation/admin-guide/device-mapper/zero.rst). */
export function checkZeroArguments(line: TableLine): void {
  if (line.args.length > 0) refuse('No arguments required');
}
