import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { type DeviceArg, deviceArg, refuse, sectorArg } from '../arguments.ts';

/** `linear <device> <offset>` (Documentation/admin-guide/device-mapper/linear.rst). */
export interface LinearArguments {
  readonly below: DeviceArg;
  /** First sector used on the device. */
  readonly offset: number;
}

export async function parseLinearArguments(
  line: TableLine,
  context: TargetContext,
): Promise<LinearArguments> {
  const [name, sector] = line.args;
  if (line.args.length !== 2) refuse('Invalid argument count');
  const offset = sectorArg(sector, 'Invalid device sector');
  return { below: await deviceArg(name, context), offset };
}

export function formatLinearArguments(args: LinearArguments): readonly TableArg[] {
  return [args.below.label, String(args.offset)];
}
