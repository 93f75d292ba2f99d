import { setTimeout as sleep } from 'node:timers/promises';
import { addressesOf, type DeviceAddress, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { reportFailure } from '../../cli/dm/failure.ts';
import { wipeTable } from '../../cli/dm/wipe.ts';
import { closeDevice } from '../../daemon/devices.ts';
import { TscryptError } from '../../errors.ts';

/** How often and how long `--retry` tries, as libdevmapper does. */
const RETRIES = 25;
const RETRY_MS = 200;

/** `tsdmsetup remove <device>...` */
export default async function remove(context: DmContext): Promise<undefined> {
  const { options, ui } = context;
  for (const address of addressesOf(context)) {
    if (options.force) {
      // Whatever comes of it, removing is tried.
      await wipeTable(address, { flush: false }, ui).catch((error) => reportFailure(error, ui));
    }
    await removeDevice(address, context);
  }
}

async function removeDevice(address: DeviceAddress, { options }: DmContext): Promise<void> {
  const deferred = options.deferred ?? false;
  for (let retries = options.retry ? RETRIES : 0; ; retries--) {
    try {
      await ioctl('remove', address, (name) => close(name, deferred));
      return;
    } catch (error) {
      const busy = error instanceof TscryptError && error.code === 'DEVICE_BUSY';
      if (!busy || retries === 0) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function close(name: string, deferred: boolean): Promise<void> {
  try {
    await closeDevice(name, { deferred });
  } catch (error) {
    if (!(error instanceof TscryptError) || error.hint === undefined) throw error;
    // The daemon suggests to end it, and with it all other devices that it may have.
    const { code, message, errno, details } = error;
    const hint = 'The device stays. remove --force gives up what could not be stored.';
    throw new TscryptError(code, message, { errno, details, hint, cause: error });
  }
}
