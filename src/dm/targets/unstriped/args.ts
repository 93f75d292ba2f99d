import { TscryptError } from '../../../errors.ts';
import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { ArgumentReader, type DeviceArg, deviceArg, refuse, sectorArg } from '../arguments.ts';
import { unsignedArg } from '../striped/chunks.ts';

/**
 * `unstriped <#stripes> <chunk size> <stripe> <device> <offset>`
 * (Documentation/admin-guide/device-mapper/unstriped.rst).
 */
export interface UnstripedArguments {
  readonly stripes: number;
  /** Sectors. */
  readonly chunk: number;
  /** The stripe that is looked at, from 0. The one behind the last is taken, as the kernel takes it. */
  readonly stripe: number;
  readonly below: DeviceArg;
  /** Sector of the device where its first stripe begins. */
  readonly offset: number;
}

const ARGUMENTS = 5;

export async function parseUnstripedArguments(
  line: TableLine,
  context: TargetContext,
): Promise<UnstripedArguments> {
  if (line.args.length !== ARGUMENTS) refuse('Invalid number of arguments');
  const reader = new ArgumentReader(line.args);
  const stripes = unsignedArg(reader.next(), 1, 'Invalid stripe count');
  const chunk = unsignedArg(reader.next(), 1, 'Invalid chunk_size');
  const stripe = unsignedArg(reader.next(), 0, 'Invalid stripe number');
  if (stripe > stripes && stripes > 1) refuse('Please provide stripe between [0, # of stripes]');
  const below = await lookUp(reader.next(), context);
  const offset = sectorArg(reader.next(), 'Invalid striped device offset');
  if (line.length % chunk !== 0) refuse('Target length not divisible by chunk size');
  return { stripes, chunk, stripe, below, offset };
}

/** Whatever was wrong, the kernel's errno is EINVAL here. */
async function lookUp(name: TableArg | undefined, context: TargetContext): Promise<DeviceArg> {
  try {
    return await deviceArg(name, context, "Couldn't get striped device");
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    throw new TscryptError(error.code, error.message, {
      details: error.details,
      errno: 'EINVAL',
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

export function formatUnstripedArguments(args: UnstripedArguments): readonly TableArg[] {
  const { stripes, chunk, stripe, below, offset } = args;
  return [String(stripes), String(chunk), String(stripe), below.label, String(offset)];
}
