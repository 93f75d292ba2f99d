import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceMapper } from '../dm/index.ts';
import { TscryptError } from '../errors.ts';
import type { DeviceServer } from './device-server.ts';
import type { Member } from './stack-members.ts';

/** How long what is under way may take to end: what takes longer, the successor does again. */
const PATIENCE_MS = 5_000;

/**
 * Whether a running daemon can make way for a successor. Everything that was written is stable afterwards.
 *
 * @throws TscryptError DEVICE_BUSY when somebody uses a device in a way that cannot be handed over, unless `force`;
 *   what a flush met
 */
export async function checkDeparture(
  servers: readonly DeviceServer[],
  { force }: { readonly force: boolean },
): Promise<void> {
  for (const server of servers) {
    const { name, connections, kernel, device } = server;
    if (!force) {
      if (connections > 0) throw busy(name, `${connections} client(s) of its socket would be disconnected`);
      if (!kernel.handsOver && (await kernel.inUse()))
        throw busy(name, `${kernel.info.node} is in use and cannot be handed over`);
    }
    if (device.info.tables.live && !device.suspended) await device.flush();
  }
}

/**
 * Stops answering. Never rejects.
 *
 * @returns whether nothing is under way any more. If something is, the devices must stay as they are until the process
 *   ends, or it would fail: the successor does it again, as if this daemon had died.
 */
export async function stopServing(
  members: readonly Member[],
  log: (error: unknown) => void,
): Promise<boolean> {
  const stopped = await Promise.all(
    members.map(({ server }) => inTime(`Handing ${server.name} over`, server.leave(), log)),
  );
  return stopped.every((one) => one);
}

/** Closes the mapped devices, from the top down: what lies upon another has it open. Never rejects. */
export async function closeDevices(
  members: readonly Member[],
  mapper: DeviceMapper,
  log: (error: unknown) => void,
): Promise<void> {
  const devices = new Set(members.map(({ server }) => server.device));
  for (let before = -1; devices.size > 0 && devices.size !== before; ) {
    before = devices.size;
    for (const device of devices) {
      if (device.info.openCount > 0) continue;
      devices.delete(device);
      await inTime(`Closing ${device.name}`, mapper.remove(device), log);
    }
  }
}

/** @returns whether it was done, and in time */
async function inTime(
  what: string,
  action: Promise<unknown>,
  log: (error: unknown) => void,
): Promise<boolean> {
  const late = sleep(PATIENCE_MS, new TscryptError('DEVICE_BUSY', `${what} takes too long.`));
  try {
    const result = await Promise.race([action, late]);
    if (!(result instanceof TscryptError)) return true;
    log(result);
  } catch (error) {
    log(error);
  }
  return false;
}

function busy(name: string, why: string): TscryptError {
  return new TscryptError('DEVICE_BUSY', `The daemon of ${name} cannot be replaced: ${why}.`, {
    details: { device: name },
    hint: 'Close what uses it, or do it all the same with --force.',
  });
}
