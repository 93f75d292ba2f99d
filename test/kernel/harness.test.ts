import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { workspace } from '../suites/tools.ts';
import { runInKernel } from './harness/harness.ts';

describe.skipIf(!requires('uml', 'dmsetup'))('the kernel harness', () => {
  const files = workspace();

  it('boots Linux and gives back status, output and errors apart', async () => {
    const result = await runInKernel(`uname -s; echo "it's" >&2; cat; exit 7`, { stdin: 'in\0put' });
    expect(result).toEqual({ status: 7, stdout: 'Linux\nin\0put', stderr: "it's\n" });
  });

  it('runs a command given as words', async () => {
    const result = await runInKernel(['printf', '%s|', 'two words', "a'b", '$HOME']);
    expect(result).toEqual({ status: 0, stdout: "two words|a'b|$HOME|", stderr: '' });
  });

  it('has the device mapper, and changes only the directories it was given', async () => {
    const data = randomBytes(1 << 20);
    await writeFile(files.file('image'), data);
    const result = await runInKernel(
      `set -e
      loop=$(losetup --find --show "$DIR/image")
      echo "0 1024 linear $loop 1024" | dmsetup create half
      cat /dev/mapper/half >"$DIR/half"
      dmsetup remove half
      touch "/tmp/guest-was-here" /guest-was-here`,
      { rwDirs: [files.path], env: { DIR: files.path } },
    );
    expect(result).toEqual({ status: 0, stdout: '', stderr: '' });
    expect((await readFile(files.file('half'))).equals(data.subarray(512 * 1024))).toBe(true);
    await expect(readFile('/guest-was-here')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('reports a guest that does not end', async () => {
    await expect(runInKernel('sleep 1000', { timeout: 4000 })).rejects.toThrow(
      'the kernel took longer than 4 s',
    );
  });

  it('reports a kernel that dies', async () => {
    await expect(runInKernel('echo c >/proc/sysrq-trigger; sleep 1000')).rejects.toThrow('the kernel died');
  });
});
