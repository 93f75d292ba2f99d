import { addressesOf } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { wipeTable } from '../../cli/dm/wipe.ts';

/** `tsdmsetup wipe_table <device>...` */
export default async function wipe(context: DmContext): Promise<undefined> {
  for (const address of addressesOf(context))
    await wipeTable(address, { flush: !context.options.noflush }, context.ui);
}
