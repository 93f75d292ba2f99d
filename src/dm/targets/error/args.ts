import type { BlockDevice } from '../../../block/device.ts';
import type { TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { deviceArg, refuse, sectorArg } from '../arguments.ts';

/** `error [<device> <offset>]`: a device, if given, lends its limits and nothing else. */
export interface ErrorArguments {
  readonly device: BlockDevice | undefined;
  /** Sectors. */
  readonly offset: number;
}

export async function parseErrorArguments(line: TableLine, context: TargetContext): Promise<ErrorArguments> {
  const [name, sector] = line.args;
  if (line.args.length === 0) return { device: undefined, offset: 0 };
  if (line.args.length !== 2) refuse('Invalid argument count');
  const offset = sectorArg(sector, 'Invalid device sector');
  return { device: await deviceArg(name, context), offset };
}
