import { realpath, stat } from 'node:fs/promises';
import { type BlockDevice, isNbdUri, openDevice } from '../block/index.ts';
import { lockDevice } from '../block/lock.ts';
import { TscryptError } from '../errors.ts';

/** Where a volume is: its device, and its header when that lies on a device of its own. */
export interface VolumeLocation {
  /** A path of a regular file or block device, or an NBD URI. */
  readonly device: string;
  /** The device of a detached header. */
  readonly header?: string | undefined;
  /** Work without cryptsetup's metadata lock: where its directory cannot be used. */
  readonly disableLocks?: boolean | undefined;
}

/** The device the header is on. */
export function headerPath(location: VolumeLocation): string {
  return location.header ?? location.device;
}

/** Whether the header lies on another device than the data, by whatever names they go. */
export async function isDetached({ device, header }: VolumeLocation): Promise<boolean> {
  if (header === undefined) return false;
  const [one, other] = await Promise.all([identity(device), identity(header)]);
  return one !== other;
}

async function identity(device: string): Promise<string> {
  const found = isNbdUri(device) ? undefined : await stat(device).catch(() => undefined);
  if (!found) return device;
  return found.isBlockDevice() ? `device ${found.rdev}` : `file ${found.dev} ${found.ino}`;
}

/** The name a table can use wherever the daemon's working directory is. NBD URIs stay as they are. */
export async function absoluteName(device: string): Promise<string> {
  if (isNbdUri(device)) return device;
  try {
    return await realpath(device);
  } catch (cause) {
    throw new TscryptError('NO_SUCH_DEVICE', `Device ${device} does not exist or access denied.`, {
      details: { device },
      cause,
    });
  }
}

/**
 * @throws TscryptError NO_SUCH_DEVICE; of an NBD URI nothing is known before somebody connects
 */
export async function checkExists(device: string): Promise<void> {
  await absoluteName(device);
}

/** Whether `device` names an existing regular file (which may be made larger, unlike a disk). */
export async function isRegularFile(device: string): Promise<boolean> {
  if (isNbdUri(device)) return false;
  return (await stat(device).catch(() => undefined))?.isFile() ?? false;
}

/** Bytes of the device. */
export async function deviceSize(device: string): Promise<number> {
  const opened = await openDevice(device, { readOnly: true });
  try {
    return opened.size;
  } finally {
    await opened.close();
  }
}

export type LockMode = 'read' | 'write';

/**
 * Runs `task` on the header device while holding its metadata lock, shared for reading and exclusive for
 * writing, under cryptsetup's own path and discipline, so that both can work on one volume.
 *
 * @param options.exclusive refuse a disk that the kernel has in use: mounted, mapped, part of an array
 */
export async function withHeaderDevice<T>(
  location: VolumeLocation,
  mode: LockMode,
  task: (device: BlockDevice) => Promise<T>,
  options: { readonly exclusive?: boolean } = {},
): Promise<T> {
  const path = headerPath(location);
  await absoluteName(path);
  const lock = isNbdUri(path) || location.disableLocks ? undefined : await lockDevice(path, mode);
  try {
    const device = await openDevice(path, { readOnly: mode === 'read', ...options });
    try {
      return await task(device);
    } finally {
      await device.close();
    }
  } finally {
    await lock?.release();
  }
}
