import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { type DeviceNumbers, deviceNumbers, formatDeviceNumbers } from './device-numbers.ts';

/** Somebody who has a block device open. */
export type DeviceUser =
  /** A mounted file system. */
  | { readonly kind: 'mount'; readonly path: string }
  /** Swap space. */
  | { readonly kind: 'swap' }
  /** A block device on top: `dm-3`, `md0`, a partition. */
  | { readonly kind: 'device'; readonly name: string }
  | { readonly kind: 'process'; readonly pid: number; readonly command: string };

/** udev's workers look at a device in passing whenever somebody has closed it (systemd's name, older ones, eudev). */
const PASSERS_BY: ReadonlySet<string> = new Set(['(udev-worker)', 'systemd-udevd', 'udevd']);
/** Processes named at most; a message is to be read. */
const MOST = 16;

/**
 * Who uses a block device, as far as this process may know. Looks at what the kernel tells about it and never
 * at the device itself, which may hang.
 *
 * @param numbers of the device
 * @param except processes that do not count
 */
export async function deviceUsers(
  numbers: { readonly major: number; readonly minor: number },
  except: readonly number[] = [],
): Promise<DeviceUser[]> {
  const places = [numbers, ...(await partitions(numbers))];
  const found = await Promise.all(
    places.flatMap((place) => [
      mounts(place),
      swaps(place),
      holders(place),
      loops(place),
      processes(place, except),
    ]),
  );
  return found.flat();
}

/** Documentation/ABI/stable/sysfs-block: a disk's directory has one of each partition, with a file of that name. */
async function partitions(numbers: DeviceNumbers): Promise<DeviceNumbers[]> {
  const directory = `/sys/dev/block/${formatDeviceNumbers(numbers)}`;
  const found = await Promise.all(
    (await readdir(directory).catch(() => [])).map(async (name) => {
      const isPartition = await stat(`${directory}/${name}/partition`).catch(() => undefined);
      if (!isPartition) return [];
      const text = await readFile(`${directory}/${name}/dev`, 'utf8').catch(() => '');
      const [, major, minor] = /^(\d+):(\d+)\s*$/.exec(text) ?? [];
      return major === undefined || minor === undefined
        ? []
        : [{ major: Number(major), minor: Number(minor) }];
    }),
  );
  return found.flat();
}

/** One user in words: `mounted on /mnt`, `used by dm-3`, `open in fio (123)`. */
export function describeUser(user: DeviceUser): string {
  switch (user.kind) {
    case 'mount':
      return `mounted on ${user.path}`;
    case 'swap':
      return 'swap space';
    case 'device':
      return `used by ${user.name}`;
    default:
      return `open in ${user.command} (${user.pid})`;
  }
}

/** proc_pid_mountinfo(5): field 3 is the device, field 5 the mount point with octal escapes. */
async function mounts({ major, minor }: { major: number; minor: number }): Promise<DeviceUser[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const paths = text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    return fields[2] === `${major}:${minor}` ? (fields[4] ?? []) : [];
  });
  // btrfs has a number of its own in mountinfo, and names the device as the source.
  const node = await nodeName({ major, minor });
  const sources = text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const source = fields[fields.indexOf('-') + 2];
    return node !== undefined && source === `/dev/${node}` ? (fields[4] ?? []) : [];
  });
  return [...new Set([...paths, ...sources])].map((path) => ({ kind: 'mount', path: unescaped(path) }));
}

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}

async function swaps(numbers: { major: number; minor: number }): Promise<DeviceUser[]> {
  const text = await readFile('/proc/swaps', 'utf8').catch(() => '');
  const node = await nodeName(numbers);
  const used = text.split('\n').some((line) => node !== undefined && line.split(/\s/)[0] === `/dev/${node}`);
  return used ? [{ kind: 'swap' }] : [];
}

async function nodeName(numbers: { major: number; minor: number }): Promise<string | undefined> {
  const link = await readlink(`/sys/dev/block/${formatDeviceNumbers(numbers)}`).catch(() => undefined);
  return link?.split('/').at(-1);
}

/** Documentation/ABI/testing/sysfs-block: `holders`. */
async function holders(numbers: { major: number; minor: number }): Promise<DeviceUser[]> {
  const names = await readdir(`/sys/dev/block/${formatDeviceNumbers(numbers)}/holders`).catch(() => []);
  return names.map((name) => ({ kind: 'device', name }));
}

/** Loop devices on it, which neither claim it nor leave it open in a process (drivers/block/loop.c, `backing_file`). */
async function loops(numbers: DeviceNumbers): Promise<DeviceUser[]> {
  const node = await nodeName(numbers);
  const names = (await readdir('/sys/block').catch(() => [])).filter((name) => name.startsWith('loop'));
  const users = await Promise.all(
    names.map(async (name): Promise<DeviceUser[]> => {
      const path = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '');
      return node !== undefined && path.trimEnd() === `/dev/${node}` ? [{ kind: 'device', name }] : [];
    }),
  );
  return users.flat();
}

async function processes(
  numbers: { major: number; minor: number },
  except: readonly number[],
): Promise<DeviceUser[]> {
  const users: DeviceUser[] = [];
  for (const entry of await readdir('/proc').catch(() => [])) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid || except.includes(pid)) continue;
    if (!(await hasOpen(pid, numbers))) continue;
    const command = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
    if (PASSERS_BY.has(command)) continue;
    users.push({ kind: 'process', pid, command });
    if (users.length === MOST) break;
  }
  return users;
}

async function hasOpen(pid: number, { major, minor }: DeviceNumbers): Promise<boolean> {
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    const path = `/proc/${pid}/fd/${fd}`;
    // What the link says spares asking about files that may hang.
    if (!(await readlink(path).catch(() => '')).startsWith('/dev/')) continue;
    const stats = await stat(path).catch(() => undefined);
    if (!stats?.isBlockDevice()) continue;
    const found = deviceNumbers(stats.rdev);
    if (found.major === major && found.minor === minor) return true;
  }
  return false;
}
