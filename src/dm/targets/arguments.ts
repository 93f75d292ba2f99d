import type { BlockDevice } from '../../block/device.ts';
import { fromSystemError, TscryptError } from '../../errors.ts';
import type { TableArg } from '../../table/spec.ts';
import { SECTOR_SIZE } from '../../units.ts';
import type { TargetContext } from '../target.ts';

/** What every target needs to read its arguments; texts are the kernel's. */

/** @throws TscryptError INVALID_ARGUMENT with `text` as its message */
export function refuse(text: string, details: Record<string, unknown> = {}): never {
  throw new TscryptError('INVALID_ARGUMENT', text, { details });
}

/**
 * A word that must be text. A key where none belongs is refused without being shown.
 *
 * @param text the error's text
 */
export function textArg(arg: TableArg | undefined, text: string): string {
  return typeof arg === 'string' ? arg : refuse(text);
}

/**
 * A decimal number of sectors, as bytes are counted here too: at most 2^53−1 bytes.
 *
 * @param text the error's text, for example `Invalid device sector`
 */
export function sectorArg(arg: TableArg | undefined, text: string): number {
  const word = textArg(arg, text);
  const value = Number(word);
  if (!/^\d+$/.test(word) || !Number.isSafeInteger(value * SECTOR_SIZE)) refuse(text);
  return value;
}

/** @throws TscryptError with the code of what went wrong, `Device lookup failed` before its message */
export async function deviceArg(arg: TableArg | undefined, context: TargetContext): Promise<BlockDevice> {
  const name = textArg(arg, 'Device lookup failed');
  try {
    return await context.openDevice(name);
  } catch (error) {
    const cause = fromSystemError(error, name);
    throw new TscryptError(cause.code, `Device lookup failed: ${cause.message}`, {
      details: { ...cause.details, below: name },
      errno: cause.errno,
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
      cause,
    });
  }
}
