import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { ArgumentReader, type DeviceArg, deviceArg, refuse, sectorArg } from '../arguments.ts';
import { unsignedArg } from './chunks.ts';

/**
 * `striped <#stripes> <chunk size> {<device> <offset>}…` (Documentation/admin-guide/device-mapper/striped.rst).
 */
export interface StripedArguments {
  /** Sectors. */
  readonly chunk: number;
  readonly stripes: readonly Stripe[];
}

export interface Stripe {
  readonly below: DeviceArg;
  /** First sector used on the device. */
  readonly offset: number;
}

const LEAST_ARGUMENTS = 2;

export async function parseStripedArguments(
  line: TableLine,
  context: TargetContext,
): Promise<StripedArguments> {
  const reader = new ArgumentReader(line.args);
  if (line.args.length < LEAST_ARGUMENTS) refuse('Not enough arguments');
  const count = unsignedArg(reader.next(), 1, 'Invalid stripe count');
  const chunk = unsignedArg(reader.next(), 1, 'Invalid chunk_size');
  if (line.length % count !== 0) refuse('Target length not divisible by number of stripes');
  if ((line.length / count) % chunk !== 0) refuse('Target length not divisible by chunk size');
  if (reader.left !== 2 * count) refuse('Not enough destinations specified');
  const stripes: Stripe[] = [];
  for (let i = 0; i < count; i++) {
    const [device, offset] = [reader.next(), reader.next()];
    const text = "Couldn't parse stripe destination";
    stripes.push({ offset: sectorArg(offset, text), below: await deviceArg(device, context, text) });
  }
  return { chunk, stripes };
}

export function formatStripedArguments({ chunk, stripes }: StripedArguments): readonly TableArg[] {
  const places = stripes.flatMap(({ below, offset }) => [below.label, String(offset)]);
  return [String(stripes.length), String(chunk), ...places];
}
