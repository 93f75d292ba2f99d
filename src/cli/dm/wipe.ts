import { wipeDeviceTable } from '../../daemon/devices.ts';
import type { Ui } from '../ui.ts';
import { type DeviceAddress, findByAddress, ioctl } from './address.ts';
import { IoctlFailure, noSuchDevice } from './failure.ts';

/**
 * Replaces a device's table by one that fails every request. dmsetup asks for the size first: of a device that
 * is not there it says both times that it failed.
 *
 * @throws IoctlFailure
 */
export async function wipeTable(
  address: DeviceAddress,
  options: { readonly flush: boolean },
  ui: Ui,
): Promise<void> {
  const device = await findByAddress(address);
  if (!device && !ui.json)
    for (const line of new IoctlFailure('table', address, noSuchDevice()).lines) ui.warn(line);
  await ioctl('reload', address, (name) => wipeDeviceTable(name, options));
}
