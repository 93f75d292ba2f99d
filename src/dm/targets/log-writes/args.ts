import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { type DeviceArg, deviceArg, refuse } from '../arguments.ts';

/** `log-writes <dev_path> <log_dev_path>` (Documentation/admin-guide/device-mapper/log-writes.rst). */
export interface LogWritesArguments {
  /** What requests go to. */
  readonly below: DeviceArg;
  /** Where the log is written. */
  readonly log: DeviceArg;
}

/** More than two arguments are taken and forgotten, as in the kernel. */
export async function parseLogWritesArguments(
  line: TableLine,
  context: TargetContext,
): Promise<LogWritesArguments> {
  const [device, log] = line.args;
  if (line.args.length < 2) refuse('Invalid argument count');
  return {
    below: await deviceArg(device, context),
    log: await deviceArg(log, context, 'Log device lookup failed'),
  };
}

export function formatLogWritesArguments(args: LogWritesArguments): readonly TableArg[] {
  return [args.below.label, args.log.label];
}
