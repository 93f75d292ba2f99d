import { addressOf, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { refusal } from '../../cli/dm/failure.ts';
import { renameDevice, setDeviceUuid } from '../../daemon/devices.ts';
import { checkUuid } from '../../dm/names.ts';
import { TscryptError } from '../../errors.ts';

/** `tsdmsetup rename <device> [--setuuid] <new_name_or_uuid>` */
export default async function rename(context: DmContext): Promise<undefined> {
  const { options, operands, names } = context;
  const address = addressOf(context, operands.length === 2 ? operands[0] : undefined);
  const given = operands.at(-1) ?? '';
  if (options.setuuid) {
    const uuid = names.toDevice(given, 'UUID');
    await ioctl('rename', address, async (name) => setDeviceUuid(name, checkUuid(uuid)));
    return;
  }
  if (given === '') throw refusal('Non empty new name is required.');
  if (given.includes('/')) throw refusal(`Name "${given}" invalid. It contains "/".`);
  const to = names.toDevice(given, 'new name');
  await ioctl('rename', address, async (name) => {
    if (to === 'control' || to === '.' || to === '..')
      throw new TscryptError('INVALID_ARGUMENT', 'device name cannot be "control", ".", or ".."');
    await renameDevice(name, to);
  });
}
