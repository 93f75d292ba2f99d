import type { BlockDevice } from '../../../block/device.ts';
import type { TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { deviceArg, sectorArg } from '../arguments.ts';

/**
 * `error [<device> <offset>]`: a device, if given, lends its limits and nothing else. Any other number of
 * arguments is ignored, as in the kernel.
 */
export interface ErrorArguments {
  readonly device: BlockDevice | undefined;
  /** Sectors. */
  readonly offset: number;
}

export async function parseErrorArguments(line: TableLine, context: TargetContext): Promise<ErrorArguments> {
  const [name, sector] = line.args;
  if (line.args.length !== 2) return { device: undefined, offset: 0 };
  const offset = sectorArg(sector, 'Invalid device sector');
  return { device: (await deviceArg(name, context)).device, offset };
}
