import type { DmContext } from '../../cli/dm/command.ts';
import { wipeTable } from '../../cli/dm/wipe.ts';
import { closeDevice, listDevices } from '../../daemon/devices.ts';
import { TscryptError } from '../../errors.ts';

/** `tsdmsetup remove_all` */
export default async function removeAll({ options, ui }: DmContext): Promise<undefined> {
  const deferred = options.deferred ?? false;
  await removeUnused(deferred);
  if (!options.force) return;
  for (const { name } of await listDevices()) await wipeTable({ name }, { flush: false }, ui).catch(() => {});
  await removeUnused(deferred);
  const left = (await listDevices()).filter(({ closeDeferred }) => !closeDeferred);
  if (left.length > 0) ui.warn(`Unable to remove ${left.length} device(s).`);
}

/** Removes what nobody uses, again and again, since each that goes may free those below it. */
async function removeUnused(deferred: boolean): Promise<void> {
  for (let removed = true; removed; ) {
    removed = false;
    for (const device of await listDevices()) {
      if (device.openCount > 0) continue;
      removed = (await isRemoved(device.name)) || removed;
    }
  }
  if (!deferred) return;
  for (const { name } of await listDevices()) await closeDevice(name, { deferred: true }).catch(ignoreGone);
}

async function isRemoved(name: string): Promise<boolean> {
  try {
    await closeDevice(name);
    return true;
  } catch (error) {
    // Somebody opened it, or removed it, meanwhile.
    if (error instanceof TscryptError && error.code === 'DEVICE_BUSY') return false;
    ignoreGone(error);
    return true;
  }
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof TscryptError) || error.code !== 'NO_SUCH_DEVICE') throw error;
}
