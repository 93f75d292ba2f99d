import { addressesOf, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { showVerbosely } from '../../cli/dm/verbose.ts';
import { suspendDevice } from '../../daemon/devices.ts';

/** `tsdmsetup suspend <device>...` */
export default async function suspend(context: DmContext): Promise<undefined> {
  for (const address of addressesOf(context)) {
    await ioctl('suspend', address, (name) => suspendDevice(name, { flush: !context.options.noflush }));
    await showVerbosely(context, address);
  }
}
