import { listDevices } from '../../daemon/devices.ts';
import { addressesOf, type DeviceAddress, wantsAll } from './address.ts';
import type { DmContext } from './command.ts';

/** The devices that `table`, `status` and their like are about. */
export interface Subjects {
  readonly addresses: readonly DeviceAddress[];
  /** Each line of output begins with the name of its device. */
  readonly several: boolean;
}

/**
 * What the operands or --uuid or the numbers name, else every device. As with dmsetup, one device that was named
 * is shown without its name; all devices are with theirs, even if there is but one.
 */
export async function subjectsOf(context: DmContext): Promise<Subjects> {
  if (!wantsAll(context)) return { addresses: addressesOf(context), several: context.operands.length > 1 };
  const devices = await listDevices();
  if (devices.length === 0 && !context.ui.json) context.ui.print('No devices found');
  return { addresses: devices.map(({ name }) => ({ name })), several: true };
}

/** One result for one device, a list for all or several. */
export function printResults(context: DmContext, results: readonly unknown[], several: boolean): void {
  context.ui.printJson(several ? results : results[0]);
}
