import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

const SYSFS_BLOCK = '/sys/block';

/**
 * Loop devices through which the kernel can write to `path` at this moment: what stock cryptsetup, mount and
 * losetup attach image files to. They take no lock on the file, so this is the only sign of them.
 * Linux: Documentation/ABI/stable/sysfs-block (`ro`), drivers/block/loop.c (`loop/backing_file`).
 *
 * @returns names such as `/dev/loop0`; empty where sysfs cannot be read
 */
export async function writableLoopDevices(path: string, sysfs = SYSFS_BLOCK): Promise<string[]> {
  const target = await realpath(path);
  const names = await readdir(sysfs).catch(() => []);
  const attached = await Promise.all(
    names
      .filter((name) => name.startsWith('loop'))
      .map(async (name) => {
        // The file is there only while something is attached.
        const backing = await readFile(join(sysfs, name, 'loop/backing_file'), 'utf8').catch(() => undefined);
        if (backing?.replace(/\n$/, '') !== target) return [];
        const readOnly = await readFile(join(sysfs, name, 'ro'), 'utf8').catch(() => '0');
        return readOnly.trim() === '1' ? [] : [`/dev/${name}`];
      }),
  );
  return attached.flat();
}
