import { type DeviceAddress, findByAddress, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { printResults, subjectsOf } from '../../cli/dm/each-device.ts';
import { refusal } from '../../cli/dm/failure.ts';
import { printTargets } from '../../cli/dm/target-lines.ts';
import { deviceStatus } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';
import { formatStatusLine, type TargetStatus } from '../../dm/status.ts';
import { TscryptError } from '../../errors.ts';

/** `tsdmsetup status [<device>...]` */
export default async function status(context: DmContext): Promise<undefined> {
  const { options, names, ui } = context;
  if (options.inactive) {
    throw new TscryptError('NOT_SUPPORTED', 'The status of an inactive table is not available.', {
      hint: 'table --inactive shows what was loaded.',
    });
  }
  const { addresses, several } = await subjectsOf(context);
  const results: unknown[] = [];
  for (const address of addresses) {
    const found = await statusOf(address, options.target);
    if (!found) throw refusal('Device does not exist.');
    const { device, targets } = found;
    if (ui.json) results.push({ device: names.shown(device.name), targets });
    else
      printTargets(
        context,
        device,
        several,
        targets.map(formatStatusLine).map((line) => [line]),
      );
  }
  if (ui.json) printResults(context, results, several);
}

async function statusOf(
  address: DeviceAddress,
  type: string | undefined,
): Promise<{ device: DeviceInfo; targets: TargetStatus[] } | undefined> {
  const device = await findByAddress(address);
  if (!device) return undefined;
  const targets = await ioctl('status', address, () => deviceStatus(device.name));
  return { device, targets: targets.filter((target) => type === undefined || target.type === type) };
}
