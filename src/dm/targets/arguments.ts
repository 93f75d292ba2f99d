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

/** A device among the arguments of a table line. */
export interface DeviceArg {
  readonly device: BlockDevice;
  /** As it was opened, for `TargetContext.reopenDevice`. */
  readonly given: string;
  /** As tables and statuses print it. */
  readonly label: string;
}

/**
 * @param text the error's text
 * @throws TscryptError with the code of what went wrong, `text` before its message
 */
export async function deviceArg(
  arg: TableArg | undefined,
  context: TargetContext,
  text = 'Device lookup failed',
): Promise<DeviceArg> {
  const given = textArg(arg, text);
  try {
    const device = await context.openDevice(given);
    return { device, given, label: context.deviceLabel(given) };
  } catch (error) {
    const cause = fromSystemError(error, given);
    throw new TscryptError(cause.code, `${text}: ${cause.message}`, {
      details: { ...cause.details, below: given },
      errno: cause.errno,
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
      cause,
    });
  }
}

/** Arguments taken from left to right, as through the kernel's `dm_arg_set`. */
export class ArgumentReader {
  readonly #args: readonly TableArg[];
  #next = 0;

  constructor(args: readonly TableArg[]) {
    this.#args = args;
  }

  /** How many have not been taken. */
  get left(): number {
    return this.#args.length - this.#next;
  }

  /** The next one as it is; undefined when none is left. */
  next(): TableArg | undefined {
    return this.#args[this.#next++];
  }

  /** @param text the error's text, also when none is left */
  word(text: string): string {
    return textArg(this.next(), text);
  }

  /**
   * A decimal number within bounds (`dm_read_arg`).
   *
   * @param text the error's text, also when none is left
   */
  number(min: number, max: number, text: string): number {
    const word = this.word(text);
    const value = Number(word);
    return /^\d+$/.test(word) && value >= min && value <= max ? value : refuse(text);
  }

  /**
   * A count and so many arguments (`dm_read_arg_group`). No argument at all is an empty group, where the
   * count may be 0.
   *
   * @param text the error's text
   */
  group(min: number, max: number, text: string): ArgumentReader {
    if (this.left === 0 && min === 0) return new ArgumentReader([]);
    const count = this.number(min, max, text);
    if (count > this.left) refuse(text);
    const group = new ArgumentReader(this.#args.slice(this.#next, this.#next + count));
    this.#next += count;
    return group;
  }
}
