import { checkName } from '../dm/names.ts';
import type { TargetStatus } from '../dm/status.ts';
import { TscryptError } from '../errors.ts';
import { describeUser, isAlive } from '../sys/index.ts';
import type { TableArg, TableSpec } from '../table/spec.ts';
import { clearDeadStagings, clearIfDead, deviceDirectories } from './claim.ts';
import { supervisorDirectory } from './guards.ts';
import { clearDeadClaims } from './number-claims.ts';
import { asked, type Found, find, findOrThrow, gone, isHeld, isLost, status } from './reaching.ts';
import { clearRemains, usersOfNode, usersText } from './remains.ts';
import type { CloseOptions, DeviceInfo, Geometry } from './request.ts';
import { devicePaths, existingRuntimeDirectory } from './runtime-directory.ts';

/**
 * The active device of that name, or undefined; one that is only starting or already closing is not active.
 * Clears away what a dead daemon left behind.
 */
export async function findDevice(name: string): Promise<DeviceInfo | undefined> {
  checkName(name);
  const root = existingRuntimeDirectory();
  const found = root === undefined ? undefined : find(root, name);
  return found && (await status(found));
}

/** All active devices, by name. */
export async function listDevices(): Promise<DeviceInfo[]> {
  const root = existingRuntimeDirectory();
  if (root === undefined) return [];
  clearDeadStagings(root);
  clearDeadClaims(root);
  clearIfDead(supervisorDirectory(root));
  const found = deviceDirectories(root).flatMap((name) => find(root, name) ?? []);
  const infos = await Promise.all(found.map(status));
  return infos.filter((info) => info !== undefined);
}

/**
 * Closes a device. When this returns, and the close was not deferred, everything is on stable storage, the
 * keys are wiped, and the daemon and its directory are gone.
 *
 * @throws TscryptError NO_SUCH_DEVICE if it is not active, DEVICE_BUSY if clients are connected; an error of the
 *   last flush, in which case the device is still there unless `force`
 */
export async function closeDevice(name: string, options: CloseOptions = {}): Promise<void> {
  const remains = remainsOf(name);
  if (remains !== undefined) return await clearRemains(remains, name, { force: options.force ?? false });
  const found = findOrThrow(name);
  try {
    const answer = (await asked(found, name, 'close', { ...options })) as { closed?: boolean } | null;
    if (answer?.closed) await gone(found);
  } catch (error) {
    if (isBusy(error)) throw await withUsers(error, found);
    // Somebody else closed it at the same time: what its daemon had to say of that, it said to the other.
    if (!isLost(error) || isHeld(found) || !isAlive(found.daemon)) throw error;
  }
}

/** Holds all requests back until {@link resumeDevice}; what was written before is flushed unless told not to. */
export async function suspendDevice(name: string, options: { flush?: boolean } = {}): Promise<void> {
  await asked(findOrThrow(name), name, 'suspend', { flush: options.flush ?? true });
}

/** Makes a table that was loaded live, if there is one, and lets requests through. */
export async function resumeDevice(name: string, options: { flush?: boolean } = {}): Promise<void> {
  await asked(findOrThrow(name), name, 'resume', { flush: options.flush ?? true });
}

/** Makes everything written so far stable. */
export async function flushDevice(name: string): Promise<void> {
  await asked(findOrThrow(name), name, 'flush');
}

/**
 * Loads a table, which the next {@link resumeDevice} makes live. Relative paths in it are relative to this
 * process's working directory. Its secrets stay the caller's.
 *
 * @throws TscryptError with the kernel's text for what is wrong with it
 */
export async function loadDeviceTable(
  name: string,
  table: TableSpec,
  options: { readonly readOnly?: boolean } = {},
): Promise<void> {
  const params = { ...options, table, workingDirectory: process.cwd() };
  await asked(findOrThrow(name), name, 'load', params, true);
}

/** Drops the table that was loaded and not made live. */
export async function clearDeviceTable(name: string): Promise<void> {
  await asked(findOrThrow(name), name, 'clear');
}

/** Replaces the live table by one of its size that fails every request. */
export async function wipeDeviceTable(name: string, options: { readonly flush: boolean }): Promise<void> {
  await asked(findOrThrow(name), name, 'wipeTable', options);
}

/**
 * The live or the inactive table; empty when there is none.
 *
 * @param options.showKeys keys are secrets, the caller's to dispose of; without it they are zeroes, as text
 */
export async function deviceTable(
  name: string,
  options: { readonly inactive?: boolean; readonly showKeys?: boolean } = {},
): Promise<TableSpec> {
  return (await asked(findOrThrow(name), name, 'table', options, true)) as TableSpec;
}

/** The state of each target of the live table. */
export async function deviceStatus(name: string): Promise<TargetStatus[]> {
  return (await asked(findOrThrow(name), name, 'targets')) as TargetStatus[];
}

/**
 * `dmsetup message`: gives `words` to the target that holds `sector`. Key material among them is a secret, which
 * stays the caller's.
 *
 * @returns the target's answer, '' if it has none
 */
export async function messageDevice(
  name: string,
  sector: number,
  words: readonly TableArg[],
): Promise<string> {
  return String(await asked(findOrThrow(name), name, 'message', { sector, words }, true));
}

/** @throws TscryptError DEVICE_EXISTS when the new name is taken */
export async function renameDevice(name: string, to: string): Promise<void> {
  checkName(to);
  await asked(findOrThrow(name), name, 'rename', { to });
}

/** Gives a device without a UUID one. */
export async function setDeviceUuid(name: string, uuid: string): Promise<void> {
  await asked(findOrThrow(name), name, 'setUuid', { uuid });
}

export async function setDeviceGeometry(name: string, geometry: Geometry): Promise<void> {
  await asked(findOrThrow(name), name, 'setGeometry', { ...geometry });
}

/**
 * Returns as soon as the device's event number is another one than `known`, at once if it is already.
 *
 * @param known what it is now, if not given
 * @throws TscryptError NO_SUCH_DEVICE when the device is removed meanwhile
 */
export async function waitForDeviceEvent(name: string, known?: number): Promise<DeviceInfo> {
  return (await asked(findOrThrow(name), name, 'wait', { known })) as DeviceInfo;
}

/** The directory of a device whose daemon has died and left something in the kernel. */
function remainsOf(name: string): string | undefined {
  checkName(name);
  const root = existingRuntimeDirectory();
  if (root === undefined) return undefined;
  const { directory } = devicePaths(root, name);
  return clearIfDead(directory).kind === 'remains' ? directory : undefined;
}

function isBusy(error: unknown): error is TscryptError {
  return error instanceof TscryptError && error.code === 'DEVICE_BUSY';
}

/** The same, with who uses the block device of the kernel. */
async function withUsers(error: TscryptError, { daemon }: Found): Promise<TscryptError> {
  const { node, device } = error.details;
  if (typeof node !== 'string' || typeof device !== 'string') return error;
  const users = await usersOfNode(node, [daemon.pid]);
  if (users.length === 0) return error;
  return new TscryptError(error.code, `${error.message} ${usersText(node, users)}`, {
    details: { ...error.details, users: users.map(describeUser) },
    hint: error.hint ?? `To take it away from who uses it: tscrypt close --force ${device}`,
    cause: error,
  });
}
