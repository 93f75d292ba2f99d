import { EXPORT_CHOICES, type ExportChoice, type ExportInfo } from '../daemon/request.ts';
import { usageError } from './flags/values.ts';

/** What stands in for `--export` where it is not given. */
const VARIABLE = 'TSCRYPT_EXPORT';

/**
 * How a device is to appear: what the option says (it has been checked), else the environment, else `auto`.
 *
 * @throws TscryptError INVALID_ARGUMENT, a usage error
 */
export function exportChoice(option: string | undefined): ExportChoice {
  const given = option ?? process.env[VARIABLE] ?? '';
  if (given === '') return 'auto';
  const choice = EXPORT_CHOICES.find((known) => known === given);
  if (choice) return choice;
  throw usageError(`${VARIABLE}: "${given}" is none of ${EXPORT_CHOICES.join(', ')}.`);
}

/** A device that should have become one of the kernel's and could not: one line that says so. */
export function exportFallback(name: string, { kind, reason }: ExportInfo): string | undefined {
  if (kind !== 'socket' || reason === undefined) return undefined;
  return `${name} is no block device here, only an NBD export on a socket (tscrypt doctor says why).`;
}
