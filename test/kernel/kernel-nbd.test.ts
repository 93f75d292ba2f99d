import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundle } from '../suites/bundle.ts';
import { requires } from '../suites/requires.ts';
import { ROOT } from '../suites/tools.ts';
import { type KernelResult, runInKernel } from './harness/harness.ts';

const MINUTE = 60_000;
const SUPPORT = join(ROOT, 'test/suites/kernel-export-script.sh');

describe.skipIf(!requires('uml', 'mkfs.ext4', 'fio', 'nbd-client'))(
  'a device of the kernel’s NBD client',
  () => {
    const program = bundle('test/suites/kernel-export-program.ts');

    /** Runs a script in a directory in memory. `serve` and `signal` are those of kernel-export-script.sh. */
    async function inKernel(script: string): Promise<KernelResult> {
      const result = await runInKernel(
        `set -euo pipefail
      . '${SUPPORT}'
      work=$(mktemp -d /dev/shm/nbd.XXXX)
      cd "$work"
      mkdir mnt
      touch said
      sysfs() { cat "/sys/block/nbd0/$1"; }
      ${script}`,
        { modules: ['nbd'], env: { PROGRAM: program.path }, timeout: 3 * MINUTE },
      );
      expect(result, result.stderr).toMatchObject({ status: 0 });
      return result;
    }

    it(
      'carries a file system, is refused to be taken while used, and vanishes',
      async () => {
        const { stdout } = await inKernel(`
        truncate -s 96M image
        serve nbd image .
        sysfs size
        sysfs backend
        mkfs.ext4 -q /dev/nbd0
        mount /dev/nbd0 mnt
        signal . TERM
        fio --name=v --directory=mnt --size=16m --rw=randwrite --bssplit=4k/60:64k/30:1m/10 --verify=crc32c \\
          --verify_fatal=1 --do_verify=1 --ioengine=libaio --iodepth=16 --direct=1 --output=fio
        fstrim mnt
        signal . WINCH | grep -o '"inUse":true'
        umount mnt
        exec 9</dev/nbd0
        signal . TERM
        exec 9<&-
        truncate -s 128M image
        signal . HUP
        sysfs size
        signal . WINCH | grep -o '"inUse":false'
        mount /dev/nbd0 mnt
        sha256sum <mnt/v.0.0 >sum
        umount mnt
        signal . TERM
        wait $pid
        sysfs size
        # What was written is in the file.
        fsck.ext4 -fn image >fsck
        mount -o loop,ro image mnt
        sha256sum --quiet -c sum <mnt/v.0.0 && echo same
        umount mnt`);
        expect(stdout.trim().split('\n')).toEqual([
          ...['196608', 'the-same', 'DEVICE_BUSY', '"inUse":true', 'DEVICE_BUSY'],
          ...['resized', '262144', '"inUse":false', 'ended', '0', 'same'],
        ]);
      },
      4 * MINUTE,
    );

    it(
      'survives servers that are killed, and one that leaves, under a mounted file system',
      async () => {
        const { stdout } = await inKernel(`
        truncate -s 96M image
        serve nbd image .
        mkfs.ext4 -q /dev/nbd0
        mount /dev/nbd0 mnt
        fio --name=v --directory=mnt --size=8m --rw=randwrite --bssplit=4k/60:64k/40 --verify=crc32c \\
          --verify_fatal=1 --do_verify=1 --ioengine=libaio --iodepth=8 --direct=1 --time_based --runtime=25 \\
          --output=fio & load=$!
        for kill in 1 2 3 4; do
          sleep 1
          kill -9 $pid
          wait $pid || true
          serve nbd image . recover
          kill -0 $load
        done
        node "$PROGRAM" nbd image . recover identifier=another || true
        for cut in 1 2; do
          signal . URG
          sleep 1
        done
        kill -USR2 $pid
        wait $pid
        serve nbd image . recover
        wait $load
        signal . WINCH | grep -o '"errors":0'
        umount mnt
        fsck.ext4 -fn /dev/nbd0 >fsck
        signal . TERM
        wait $pid
        fsck.ext4 -fn image >fsck
        dmesg | grep -E 'I/O error|EXT4-fs error' || echo clean`);
        expect(stdout.trim().split('\n')).toEqual([
          'NO_SUCH_DEVICE',
          'cut',
          'cut',
          '"errors":0',
          'ended',
          'clean',
        ]);
      },
      4 * MINUTE,
    );

    it(
      'is removed after its server died, and by force under a mounted file system',
      async () => {
        const { stdout } = await inKernel(`
        truncate -s 64M image
        serve nbd image .
        mkfs.ext4 -q /dev/nbd0
        mount /dev/nbd0 mnt
        kill -9 $pid
        wait $pid || true
        dd if=/dev/zero of=mnt/waits bs=1M count=1 oflag=direct 2>/dev/null & waits=$!
        sleep 0.2
        kill -0 $waits
        node "$PROGRAM" nbd image . remove
        ! wait $waits
        mountpoint -q mnt || echo unmounted
        sysfs size
        serve nbd image .
        mount /dev/nbd0 mnt
        echo kept >mnt/kept
        exec 9<mnt/kept
        signal . QUIT
        wait $pid
        mountpoint -q mnt || echo unmounted
        exec 9<&-
        # Another program disconnects it.
        while [[ $(sysfs size) != 0 ]]; do sleep 0.1; done
        serve nbd image .
        nbd-client -d /dev/nbd0 >/dev/null
        wait $pid
        tail -n 1 said`);
        expect(stdout.trim().split('\n')).toEqual(['unmounted', '0', 'ended', 'unmounted', 'ended']);
      },
      4 * MINUTE,
    );

    it(
      'is read-only where the device is, and leaves nothing behind in fifty uses',
      async () => {
        const { stdout } = await inKernel(`
        truncate -s 64M image
        mkfs.ext4 -q image
        serve nbd image . readOnly
        sysfs ro
        ! dd if=/dev/zero of=/dev/nbd0 count=1 2>/dev/null
        mount -o ro /dev/nbd0 mnt
        umount mnt
        signal . TERM
        wait $pid
        node "$PROGRAM" nbd image . cycles=50
        cat /sys/block/nbd*/size | sort -u`);
        expect(stdout.trim().split('\n')).toEqual(['1', 'ended', '50 cycles, 0 descriptors more', '0']);
      },
      4 * MINUTE,
    );
  },
);
