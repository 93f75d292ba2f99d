import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { ArgumentReader, type DeviceArg, deviceArg, refuse, sectorArg } from '../arguments.ts';

/** Where requests of one class go, and how long they are held before. */
export interface DelayClass {
  readonly below: DeviceArg;
  /** First sector used on the device. */
  readonly offset: number;
  /** Milliseconds. */
  readonly delay: number;
}

/**
 * `delay <device> <offset> <delay> [<write_device> <write_offset> <write_delay> [<flush_device> <flush_offset>
 * <flush_delay>]]` (Documentation/admin-guide/device-mapper/delay.rst): as many classes as were given.
 */
export type DelayArguments = readonly [read: DelayClass, write?: DelayClass, flush?: DelayClass];

const LARGEST_DELAY = 2 ** 32 - 1;

export async function parseDelayArguments(line: TableLine, context: TargetContext): Promise<DelayArguments> {
  const count = line.args.length;
  if (count !== 3 && count !== 6 && count !== 9) refuse('Requires exactly 3, 6 or 9 arguments');
  const reader = new ArgumentReader(line.args);
  const read = await parseClass(reader, context);
  if (count === 3) return [read];
  const write = await parseClass(reader, context);
  if (count === 6) return [read, write];
  return [read, write, await parseClass(reader, context)];
}

/** The device is looked up last, as in the kernel. */
async function parseClass(reader: ArgumentReader, context: TargetContext): Promise<DelayClass> {
  const name = reader.next();
  const offset = sectorArg(reader.next(), 'Invalid device sector');
  const delay = reader.number(0, LARGEST_DELAY, 'Invalid delay');
  return { below: await deviceArg(name, context), offset, delay };
}

export function formatDelayArguments(args: DelayArguments): readonly TableArg[] {
  return args.flatMap((one) => (one ? [one.below.label, String(one.offset), String(one.delay)] : []));
}
