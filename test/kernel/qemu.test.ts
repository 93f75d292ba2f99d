import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { workspace } from '../suites/tools.ts';
import { runInQemu } from './harness/qemu.ts';

describe.skipIf(!requires('qemu'))('the virtual machine', () => {
  const files = workspace();

  it('boots with its processors, and changes only the directories it was given', {
    timeout: 180_000,
  }, async () => {
    const result = await runInQemu(
      `set -e
      nproc; cat; echo "it's" >&2
      modprobe ublk_drv; [ -c /dev/ublk-control ]
      df --output=fstype /dev/shm | tail -1
      for name in ext4 xfs btrfs; do modprobe $name; done; grep -cwE 'ext4|xfs|btrfs' /proc/filesystems
      echo written >"$DIR/file"
      touch /tmp/guest-was-here
      exit 7`,
      { stdin: 'in\0put\n', rwDirs: [files.path], env: { DIR: files.path } },
    );
    expect(result).toEqual({ status: 7, stdout: '2\nin\0put\ntmpfs\n3\n', stderr: "it's\n" });
    expect(await readFile(files.file('file'), 'utf8')).toBe('written\n');
    await expect(readFile('/tmp/guest-was-here')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
