/**
 * The major number of mapped devices. They have no node of their own in /dev, so the kernel has given them no
 * number; this one it never gives to a block device (its majors end at 511, BLKDEV_MAJOR_MAX of
 * include/linux/fs.h), yet fits into a dev_t. `DM_MAJOR:minor` in a table is thus one of ours and nothing else.
 */
export const DM_MAJOR = 4095;

/** Largest minor number (MINORBITS of include/linux/kdev_t.h). */
export const MAX_MINOR = 2 ** 20 - 1;

/** What a name in a table says of a mapped device. */
export type MappedReference =
  | { readonly by: 'minor'; readonly minor: number }
  | { readonly by: 'name'; readonly name: string }
  | { readonly by: 'uuid'; readonly uuid: string };

const NUMBERS = new RegExp(`^${DM_MAJOR}:(\\d+)$`);
const LINKS = [
  ['/dev/mapper/', 'name'],
  ['/dev/disk/by-id/dm-name-', 'name'],
  ['/dev/disk/by-id/dm-uuid-', 'uuid'],
] as const;

/**
 * Whether a name in a table may mean a mapped device: `4095:MINOR`, or by the paths that udev gives those
 * of the kernel, /dev/mapper/NAME, /dev/disk/by-id/dm-name-NAME and /dev/disk/by-id/dm-uuid-UUID. Where no device
 * of ours answers to it, the path is the kernel's.
 */
export function mappedReference(name: string): MappedReference | undefined {
  const minor = NUMBERS.exec(name)?.[1];
  if (minor !== undefined) return { by: 'minor', minor: Number(minor) };
  for (const [prefix, by] of LINKS) {
    if (!name.startsWith(prefix)) continue;
    const rest = name.slice(prefix.length);
    if (rest === '' || rest.includes('/')) return undefined;
    return by === 'name' ? { by, name: rest } : { by, uuid: rest };
  }
  return undefined;
}

/** `major:minor` of a mapped device: how tables print it. */
export function formatMinor(minor: number): string {
  return `${DM_MAJOR}:${minor}`;
}
