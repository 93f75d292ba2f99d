import { lstat, mkdir, readdir, readFile, readlink, symlink, unlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { encodeName, isEncodedName } from '../dm/names.ts';
import { fromSystemError, TscryptError } from '../errors.ts';

/**
 * `/dev/mapper/NAME`: a link to the block device of the kernel that shows the mapped device NAME, where programs look
 * for it. With or without udev, which knows nothing of such links and leaves them alone. What is there already and is
 * not ours (a device of the kernel's own device mapper, anybody's link) is never touched.
 */
export interface NodeLinkOptions {
  /** A node that a dead daemon had under that name, by its record: its link may be replaced. */
  readonly left?: string | undefined;
  /** Where the links are made; elsewhere in tests. */
  readonly directory?: string;
  /** Where the kernel's devices are listed. */
  readonly sysfs?: string;
}

const DIRECTORY = '/dev/mapper';
const SYSFS = '/sys/class/block';

/** Where the link to a mapped device is; its name as libdevmapper would write it (dmsetup(8), --manglename). */
export function nodeLinkPath(name: string, directory = DIRECTORY): string {
  return join(directory, isEncodedName(name) ? name : encodeName(name));
}

/**
 * Makes sure, before anything is attached, that the link can be made.
 *
 * @throws TscryptError DEVICE_EXISTS when something else has that name
 */
export async function checkNodeLink(name: string, options: NodeLinkOptions = {}): Promise<void> {
  const path = nodeLinkPath(name, options.directory);
  const found = await lookAt(path);
  if (found !== undefined && (options.left === undefined || found !== options.left)) throw taken(name, path);
  if (await isKernelDevice(name, options.sysfs)) throw taken(name, path);
}

/**
 * Makes the link. Nobody but root is expected to; where it cannot be made (no rights, a read-only /dev), there is none.
 *
 * @param node the path of a block device
 * @returns the link, if there is one now
 * @throws TscryptError DEVICE_EXISTS when something else has that name
 */
export async function linkNode(
  name: string,
  node: string,
  options: NodeLinkOptions = {},
): Promise<string | undefined> {
  const path = nodeLinkPath(name, options.directory);
  if (!(await isBlockDevice(node))) return undefined;
  try {
    await makeDirectory(dirname(path));
    for (let attempt = 1; ; attempt++) {
      try {
        await symlink(target(path, node), path);
        return path;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const found = await lookAt(path);
      if (found === node) return path;
      if (attempt > 1 || found === undefined || found !== options.left) throw taken(name, path);
      await unlink(path);
    }
  } catch (error) {
    if (REFUSALS.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw fromSystemError(error, `Cannot make ${path}`, { device: name, path });
  }
}

/** Removes the link, if it is there and leads to that node. */
export async function unlinkNode(
  name: string,
  node: string,
  options: Pick<NodeLinkOptions, 'directory'> = {},
): Promise<void> {
  const path = nodeLinkPath(name, options.directory);
  if ((await lookAt(path)) !== node) return;
  try {
    await unlink(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && !REFUSALS.has(code ?? '')) {
      throw fromSystemError(error, `Cannot remove ${path}`, { device: name, path });
    }
  }
}

/**
 * The device has another name now; at any moment at least one of its links is there.
 *
 * @returns the new link, if there is one
 * @throws TscryptError DEVICE_EXISTS when something else has that name; the old link stays then
 */
export async function renameNode(
  name: string,
  newName: string,
  node: string,
  options: NodeLinkOptions = {},
): Promise<string | undefined> {
  const path = nodeLinkPath(name, options.directory);
  const newPath = nodeLinkPath(newName, options.directory);
  if (newPath !== path) await checkNodeLink(newName, options);
  const made = await linkNode(newName, node, options);
  if (newPath !== path) await unlinkNode(name, node, options);
  return made;
}

/** Failures that say that links are not for us to make here. */
const REFUSALS = new Set(['EACCES', 'EPERM', 'EROFS']);

/** What a link leads to; of anything else, its own path; undefined where nothing is. */
async function lookAt(path: string): Promise<string | undefined> {
  try {
    return resolve(dirname(path), await readlink(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return path;
  }
}

async function isBlockDevice(node: string): Promise<boolean> {
  const stats = await lstat(node).catch(() => undefined);
  return stats?.isBlockDevice() ?? false;
}

/** Some containers have none. */
async function makeDirectory(path: string): Promise<void> {
  if (await lstat(path).catch(() => undefined)) return;
  await mkdir(path, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** The kernel's own device mapper may have a device of that name without a node (Documentation/ABI/testing/sysfs-block-dm). */
async function isKernelDevice(name: string, sysfs = SYSFS): Promise<boolean> {
  const names = new Set([name, encodeName(name)]);
  const devices = await readdir(sysfs).catch(() => []);
  const found = await Promise.all(
    devices
      .filter((device) => device.startsWith('dm-'))
      .map((device) => readFile(join(sysfs, device, 'dm/name'), 'utf8').catch(() => '')),
  );
  return found.some((text) => names.has(text.replace(/\n$/, '')));
}

/** Links within /dev are relative, as udev makes them: they hold wherever /dev is mounted. */
function target(path: string, node: string): string {
  const root = dirname(dirname(path));
  return node.startsWith(`${root}/`) ? relative(dirname(path), node) : node;
}

function taken(name: string, path: string): TscryptError {
  return new TscryptError('DEVICE_EXISTS', `${path} exists already.`, {
    errno: 'EBUSY',
    details: { device: name, path },
    hint: 'Choose another name, or remove it if nothing uses it any more.',
  });
}
