import { type DeviceAddress, findByAddress } from './address.ts';
import type { DmContext } from './command.ts';
import { infoText } from './info-text.ts';

/** With -v: what the device is like after it was changed. */
export async function showVerbosely(
  { options, names, ui }: DmContext,
  address: DeviceAddress,
): Promise<void> {
  if (options.verbose === undefined || ui.json) return;
  const device = await findByAddress(address);
  if (device) ui.print(infoText(device, names));
}
