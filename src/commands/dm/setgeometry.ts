import { addressOf, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { setDeviceGeometry } from '../../daemon/devices.ts';
import { TscryptError } from '../../errors.ts';

/** The kernel's `struct hd_geometry`: two bytes of cylinders, one each of heads and sectors. */
const MAX_CYLINDERS = 65_535;
const MAX_HEADS = 255;
const MAX_SECTORS = 255;

/** `tsdmsetup setgeometry <device> <cyl> <head> <sect> <start>` */
export default async function setgeometry(context: DmContext): Promise<undefined> {
  const [device, ...numbers] = context.operands;
  const address = addressOf(context, device);
  await ioctl('setgeometry', address, async (name) => setDeviceGeometry(name, geometryOf(numbers)));
}

/** @throws TscryptError INVALID_ARGUMENT with the kernel's texts (dm_set_geometry) */
function geometryOf(words: readonly string[]) {
  if (!words.every((word) => /^\s*\+?\d+$/.test(word)))
    throw invalid('Unable to interpret geometry settings.');
  const [cylinders = 0, heads = 0, sectors = 0, start = 0] = words.map(Number);
  if (cylinders > MAX_CYLINDERS || heads > MAX_HEADS || sectors > MAX_SECTORS)
    throw invalid('Geometry exceeds range limits.');
  if (start > cylinders * heads * sectors) throw invalid('Start sector is beyond the geometry limits.');
  return { cylinders, heads, sectors, start };
}

function invalid(message: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', message);
}
