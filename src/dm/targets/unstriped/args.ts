import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { ArgumentReader, type DeviceArg, deviceArg, refuse, sectorArg } from '../arguments.ts';

/**
 * `unstriped <#stripes> <chunk size> <stripe> <device> <offset>`
 * (Documentation/admin-guide/device-mapper/unstriped.rst).
 */
export interface UnstripedArguments {
  readonly stripes: number;
  /** Sectors. */
  readonly chunk: number;
  /** The stripe that is looked at, from 0. One that is not there is taken as the kernel takes it: it lies behind. */
  readonly stripe: number;
  readonly below: DeviceArg;
  /** Sector of the device where its first stripe begins. */
  readonly offset: number;
}

const U32_MAX = 2 ** 32 - 1;
const ARGUMENTS = 5;

export async function parseUnstripedArguments(
  line: TableLine,
  context: TargetContext,
): Promise<UnstripedArguments> {
  if (line.args.length !== ARGUMENTS) refuse('Invalid number of arguments');
  const reader = new ArgumentReader(line.args);
  const stripes = reader.number(1, U32_MAX, 'Invalid stripe count');
  const chunk = reader.number(1, U32_MAX, 'Invalid chunk_size');
  const stripe = reader.number(0, U32_MAX, 'Invalid stripe number');
  const below = await deviceArg(reader.next(), context, "Couldn't get striped device");
  const offset = sectorArg(reader.next(), 'Invalid striped device offset');
  if (line.length % chunk !== 0) refuse('Target length not divisible by chunk size');
  return { stripes, chunk, stripe, below, offset };
}

export function formatUnstripedArguments(args: UnstripedArguments): readonly TableArg[] {
  const { stripes, chunk, stripe, below, offset } = args;
  return [String(stripes), String(chunk), String(stripe), below.label, String(offset)];
}
