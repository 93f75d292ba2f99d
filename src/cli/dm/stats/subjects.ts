import { deviceStatus, listDevices, messageDevice } from '../../../daemon/devices.ts';
import { addressesOf, type DeviceAddress, findByAddress, ioctl, wantsAll } from '../address.ts';
import type { DmContext } from '../command.ts';
import { refusal } from '../failure.ts';
import type { StatsDevice } from './device.ts';

/** What a command is about. */
export interface StatsSubjects {
  readonly devices: readonly StatsDevice[];
  /** Nobody named them: one that fails does not keep the others from their turn. */
  readonly all: boolean;
}

/**
 * The devices that the command line names, else all.
 *
 * @param context its operands are devices
 * @param unasked whether all are meant where none is named; otherwise `--alldevices` must say so
 * @throws TscryptError INVALID_ARGUMENT
 */
export async function statsSubjects(context: DmContext, unasked: boolean): Promise<StatsSubjects> {
  const all = wantsAll(context);
  if (all && !unasked && !context.options.alldevices)
    throw refusal('Please specify device(s) or use --alldevices.');
  const addresses = all ? (await listDevices()).map(({ name }) => ({ name })) : addressesOf(context);
  return { devices: await Promise.all(addresses.map((address) => statsDevice(context, address))), all };
}

/** A device that statistics commands can talk to, whether it is there or not. */
export async function statsDevice({ names }: DmContext, address: DeviceAddress): Promise<StatsDevice> {
  const name = address.name ?? (await findByAddress(address))?.name;
  return {
    name: names.shown(name ?? ''),
    message: (...words) => ioctl('message', address, (found) => messageDevice(found, 0, words)),
    targets: () => ioctl('table', address, deviceStatus),
  };
}
