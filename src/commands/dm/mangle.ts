import { addressesOf, findByAddress, wantsAll } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { isMangledTwice, type NameMangling } from '../../cli/dm/mangle.ts';
import type { Ui } from '../../cli/ui.ts';
import { listDevices, renameDevice } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';

/** `tsdmsetup mangle [<device>...]`; names are shown here as devices have them. */
export default async function mangle(context: DmContext): Promise<boolean> {
  const { names, ui } = context;
  let done = true;
  for (const device of await devicesOf(context)) {
    if (device === undefined) return false;
    if (!(await mangleDevice(device, names, ui))) done = false;
  }
  return done;
}

async function devicesOf(context: DmContext): Promise<(DeviceInfo | undefined)[]> {
  if (!wantsAll(context)) return Promise.all(addressesOf(context).map(findByAddress));
  const devices = await listDevices();
  if (devices.length === 0) context.ui.print('No devices found');
  return devices;
}

/** @returns false when somebody else has to see to it */
async function mangleDevice({ name, uuid }: DeviceInfo, names: NameMangling, ui: Ui): Promise<boolean> {
  if (isMangledTwice(name)) {
    ui.warn(
      `The name "${name}" seems to be mangled more than once. Manual intervention required to rename the device.`,
    );
    return false;
  }
  if (!names.isMangled(uuid)) {
    ui.warn(`${name}: ${uuid}: UUID in incorrect form. `);
    ui.warn('Unable to change device UUID. The device must be deactivated first.');
    return false;
  }
  if (names.isMangled(name)) {
    const what = uuid === '' ? '[no UUID]: name' : `${uuid}: name and UUID`;
    ui.note(`${name}: ${what} already in correct form`);
    return true;
  }
  const to = names.toDevice(name, 'new name');
  ui.note(`${name}: renaming to ${to}`);
  await renameDevice(name, to);
  return true;
}
