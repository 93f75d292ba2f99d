import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { ROOT } from '../suites/tools.ts';
import { runInQemu } from './harness/qemu.ts';

const MINUTE = 60_000;
const FILESYSTEMS = ['ext4', 'xfs', 'btrfs'];
const SCRIPT = join(ROOT, 'test/suites/block-device-script.sh');

describe.skipIf(!requires('qemu', 'build', 'cryptsetup', 'mkfs.ext4', 'mkfs.xfs', 'mkfs.btrfs', 'fio'))(
  'file systems on an opened volume, in Debian’s kernel',
  () => {
    it.each(['ublk', 'nbd'])(
      'through %s, exchanged with cryptsetup both ways',
      async (kind) => {
        const words = ['bash', SCRIPT, kind, FILESYSTEMS.join(' '), '20261124', '150'];
        const result = await runInQemu(words, {
          modules: [kind === 'ublk' ? 'ublk_drv' : 'nbd'],
          memory: 3072,
          timeout: 14 * MINUTE,
        });
        const expected = FILESYSTEMS.flatMap((filesystem) => [
          `${kind} ${filesystem}: written here, read by the kernel`,
          `${kind} ${filesystem}: written by the kernel, read here`,
        ]);
        expect(result, result.stderr).toMatchObject({ status: 0 });
        expect(result.stdout.trim().split('\n')).toEqual(expected);
      },
      15 * MINUTE,
    );
  },
);
