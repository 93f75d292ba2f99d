import { addressesOf, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { showVerbosely } from '../../cli/dm/verbose.ts';
import { clearDeviceTable } from '../../daemon/devices.ts';

/** `tsdmsetup clear <device>...` */
export default async function clear(context: DmContext): Promise<undefined> {
  for (const address of addressesOf(context)) {
    await ioctl('clear', address, clearDeviceTable);
    await showVerbosely(context, address);
  }
}
