import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { ROOT } from '../suites/tools.ts';
import { runInKernel } from './harness/harness.ts';
import { runInQemu } from './harness/qemu.ts';

const MINUTE = 60_000;
const SCRIPT = join(ROOT, 'test/suites/block-device-kill-script.sh');

describe.skipIf(!requires('qemu', 'uml', 'build', 'cryptsetup', 'mkfs.ext4', 'fio'))(
  'a daemon killed twenty times under a mounted file system, and then replaced',
  () => {
    it(
      'comes back behind ublk, and nothing is lost',
      async () => {
        const result = await runInQemu(['bash', SCRIPT, 'ublk', '20', '3'], {
          modules: ['ublk_drv'],
          memory: 2048,
          timeout: 14 * MINUTE,
        });
        expect(result, result.stderr).toMatchObject({ status: 0 });
        expect(result.stdout).toMatch(/killed 20 times, replaced 3 times, nothing lost\n$/);
      },
      15 * MINUTE,
    );

    it(
      'comes back behind the kernel’s NBD client, and nothing is lost',
      async () => {
        const result = await runInKernel(['bash', SCRIPT, 'nbd', '20', '3'], {
          modules: ['nbd'],
          memory: 2048,
          timeout: 14 * MINUTE,
        });
        expect(result, result.stderr).toMatchObject({ status: 0 });
        expect(result.stdout).toMatch(/killed 20 times, replaced 3 times, nothing lost\n$/);
      },
      15 * MINUTE,
    );
  },
);
