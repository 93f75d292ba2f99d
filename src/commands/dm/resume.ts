import { addressesOf, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { showVerbosely } from '../../cli/dm/verbose.ts';
import { resumeDevice } from '../../daemon/devices.ts';

/** `tsdmsetup resume <device>...` */
export default async function resume(context: DmContext): Promise<undefined> {
  for (const address of addressesOf(context)) {
    await ioctl('resume', address, (name) => resumeDevice(name, { flush: !context.options.noflush }));
    await showVerbosely(context, address);
  }
}
