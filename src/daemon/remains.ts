import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TscryptError } from '../errors.ts';
import { type DeviceUser, describeUser, deviceNumbers, deviceUsers } from '../sys/index.ts';
import { clearIfDead } from './claim.ts';
import { KernelDevice } from './kernel-device.ts';
import { recordedKernelDevice, recordKernelDevice } from './kernel-record.ts';
import { clearDeadClaims } from './number-claims.ts';

/**
 * Removes what a dead daemon left of a device: its block device in the kernel, then its directory.
 *
 * @throws TscryptError DEVICE_BUSY when somebody still uses the block device, unless `force`
 */
export async function clearRemains(
  directory: string,
  name: string,
  options: { readonly force: boolean },
): Promise<void> {
  const record = recordedKernelDevice(directory);
  if (record) {
    if (!options.force) {
      const users = await usersOfNode(record.state.node);
      if (users.length > 0) throw busyRemains(name, users);
    }
    await KernelDevice.remove(name, record);
  }
  recordKernelDevice(directory, undefined);
  clearIfDead(directory);
  clearDeadClaims(dirname(directory));
}

/** Who uses a node of the kernel; looks only at what the kernel tells, never at the device. */
export async function usersOfNode(node: string, except: readonly number[] = []): Promise<DeviceUser[]> {
  const stats = await stat(node).catch(() => undefined);
  return stats?.isBlockDevice() ? await deviceUsers(deviceNumbers(stats.rdev), except) : [];
}

/** The users of a device in words, one sentence; empty if there are none. */
export function usersText(name: string, users: readonly DeviceUser[]): string {
  return users.length === 0 ? '' : `${name} is ${users.map(describeUser).join(', ')}.`;
}

function busyRemains(name: string, users: readonly DeviceUser[]): TscryptError {
  const node = usersText(name, users);
  return new TscryptError(
    'DEVICE_BUSY',
    `The daemon of ${name} has died, and its device is still in use. ${node}`,
    {
      details: { device: name, users: users.map(describeUser) },
      hint: `Unmount it, or take it away from who uses it: tscrypt close --force ${name}`,
    },
  );
}
