import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { check, program, ROOT, run, workspace } from '../suites/tools.ts';

const EXERCISER = join(ROOT, 'test/suites/file-exerciser.mjs');
const NAME = `volume-${process.pid}`;
const NODE = `/dev/mapper/${NAME}`;

/** On this machine's own kernel, without modules: a file in a file system of ours, and a loop device on it. */
describe.skipIf(!requires('build', 'root', 'fuse', 'loop', 'mkfs.ext4', 'mkfs.xfs', 'fio', 'fsck.ext4'))(
  'an opened volume as a block device of this machine',
  () => {
    const files = workspace();
    let image: string;
    let key: string;
    let mountPoint: string;

    async function tscrypt(...args: string[]) {
      const result = await program('tscrypt', args, { env: files.env });
      return { ...result, text: result.stdout + result.stderr };
    }

    async function open(): Promise<{ pid: number; export: { node: string; link: string } }> {
      const result = await tscrypt(
        ...['open', '--json', '--export', 'fuse', '--allow-discards', '--key-file', key, image, NAME],
      );
      expect(result, result.text).toMatchObject({ status: 0 });
      return JSON.parse(result.stdout);
    }

    const mountsBelow = (path: string): string[] =>
      readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(` ${path}`));

    beforeAll(async () => {
      [image, key, mountPoint] = [files.file('image'), files.file('key'), files.file('mnt')];
      await mkdir(mountPoint);
      await writeFile(key, 'correct horse battery staple');
      await check('truncate', ['-s', '360M', image]);
      const fast = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
      const result = await tscrypt('luksFormat', '-q', ...fast, '--key-file', key, image);
      expect(result, result.text).toMatchObject({ status: 0 });
    });

    afterAll(async () => {
      await run('umount', ['-l', mountPoint]);
      await tscrypt('close', '--force', NAME);
    });

    it.each(['ext4', 'xfs'])(
      'takes %s under verified load, is not closed under it, and has its content the next time',
      async (filesystem) => {
        const { export: exported } = await open();
        expect(exported).toMatchObject({
          kind: 'fuse',
          node: expect.stringMatching(/^\/dev\/loop\d+$/),
          link: NODE,
        });
        await check(`mkfs.${filesystem}`, ['-q', filesystem === 'xfs' ? '-f' : '-F', NODE]);
        await check('mount', [NODE, mountPoint]);
        const exercised = [join(mountPoint, 'file'), '42', '400', String(8 << 20)];
        const { stdout: sums } = await check(process.execPath, [EXERCISER, ...exercised]);
        await writeFile(files.file('sums'), sums);
        await check(
          'fio',
          [
            ...['--name=load', `--directory=${mountPoint}`, '--size=48m', '--rw=randrw', '--verify=crc32c'],
            ...['--bssplit=4k/50:16k/30:128k/20', '--ioengine=libaio', '--iodepth=16', '--direct=1'],
            ...['--verify_fatal=1', '--do_verify=1', '--end_fsync=1'],
          ],
          { cwd: files.path },
        );
        await check('fstrim', [mountPoint]);

        const refused = await tscrypt('close', NAME);
        expect(refused).toMatchObject({ status: 5, stdout: '' });
        expect(refused.stderr).toBe(
          `Device ${NAME} is still in use. ${exported.node} is mounted on ${mountPoint}.\n` +
            `To take it away from who uses it: tscrypt close --force ${NAME}\n`,
        );

        await check('umount', [mountPoint]);
        expect(await tscrypt('close', NAME)).toMatchObject({ status: 0, text: '' });
        expect(existsSync(NODE)).toBe(false);

        await open();
        await check('mount', ['-o', 'ro', NODE, mountPoint]);
        await check('sha256sum', ['--quiet', '-c', files.file('sums')]);
        await check('umount', [mountPoint]);
        expect(await tscrypt('close', NAME)).toMatchObject({ status: 0, text: '' });
      },
    );

    it('is not taken from its users by telling its daemon to end', async () => {
      const { pid } = await open();
      await check('mount', [NODE, mountPoint]);
      process.kill(pid, 'SIGTERM');
      await check('sh', ['-c', `echo still here > ${mountPoint}/note && sync -f ${mountPoint}/note`]);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(JSON.parse((await tscrypt('status', '--json', NAME)).stdout)).toMatchObject({ pid });
      await check('umount', [mountPoint]);
      process.kill(pid, 'SIGTERM');
      await expect.poll(async () => (await tscrypt('status', NAME)).status, { timeout: 10_000 }).toBe(4);
      expect(existsSync(NODE)).toBe(false);
    });

    it('is closed when its last user goes, where that was asked for', async () => {
      await open();
      await check('mount', [NODE, mountPoint]);
      expect(await tscrypt('close', '--deferred', NAME)).toMatchObject({ status: 0, text: '' });
      expect((await tscrypt('status', NAME)).stdout).toContain('deferred:');
      await check('umount', [mountPoint]);
      await expect.poll(async () => (await tscrypt('status', NAME)).status, { timeout: 10_000 }).toBe(4);
      expect(existsSync(NODE)).toBe(false);
    });

    it('leaves nothing that hangs when its daemon is killed under a mounted file system', async () => {
      const { pid } = await open();
      await check('mkfs.ext4', ['-q', '-F', NODE]);
      await check('mount', [NODE, mountPoint]);
      const load = run('dd', [
        'if=/dev/zero',
        `of=${mountPoint}/zeroes`,
        'bs=64k',
        'count=2000',
        'oflag=direct',
      ]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      process.kill(pid, 'SIGKILL');
      expect((await load).status).not.toBe(0);

      const refused = await tscrypt('close', NAME);
      expect(refused).toMatchObject({ status: 5 });
      expect(refused.stderr).toContain(`mounted on ${mountPoint}`);
      expect((await tscrypt('open', '--key-file', key, image, NAME)).status).toBe(5);

      expect(await tscrypt('close', '--force', NAME)).toMatchObject({ status: 0, text: '' });
      expect(mountsBelow(files.path)).toEqual([]);
      expect(existsSync(NODE)).toBe(false);
      await expect.poll(() => readdir(files.file('run')), { timeout: 10_000 }).toEqual([]);

      // What was written before is there, and consistent.
      await open();
      // 1: the journal was replayed.
      expect((await run('fsck.ext4', ['-f', '-p', NODE])).status).toBeLessThanOrEqual(1);
      expect(await tscrypt('close', NAME)).toMatchObject({ status: 0, text: '' });
    });
  },
);
