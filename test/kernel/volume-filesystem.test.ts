import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { check, program, ROOT, workspace } from '../suites/tools.ts';
import {
  formatArguments,
  locationArguments,
  PASSPHRASE,
  VOLUME_MATRIX,
  volumeFiles,
} from '../suites/volume-matrix.ts';
import { runInKernel } from './harness/harness.ts';

const MIB = 1024 * 1024;
const SIZE = 48 * MIB;
const VOLUME = VOLUME_MATRIX.find(({ name }) => name === 'argon2id-xts512-4096')!;

/** Prints what `sha256sum *` does, for a directory of the host. */
async function sums(directory: string): Promise<string> {
  const names = (await readdir(directory)).sort();
  const of = async (name: string): Promise<string> => {
    const content = await readFile(join(directory, name));
    return `${createHash('sha256').update(content).digest('hex')}  ${name}\n`;
  };
  return (await Promise.all(names.map(of))).join('');
}

describe.skipIf(!requires('uml', 'build', 'cryptsetup', 'mkfs.ext4'))('a file system on a volume', () => {
  const files = workspace();

  async function tscrypt(args: readonly string[], stdin: Uint8Array | string = ''): Promise<void> {
    const result = await program('tscrypt', args, { env: files.env, stdin });
    expect(result, result.stderr).toMatchObject({ status: 0 });
  }

  /** A directory of files of all sorts of sizes. */
  async function tree(name: string): Promise<string> {
    const directory = files.file(name);
    await mkdir(directory);
    for (const size of [0, 1, 511, 4096, 70_001, 3 * MIB]) {
      await writeFile(join(directory, `file-${size}`), randomBytes(size));
    }
    return directory;
  }

  it.skipIf(!requires('nbdcopy'))(
    'made through the export, mounts in the kernel from the raw image, and back',
    async () => {
      const location = await volumeFiles(files, 'copied', VOLUME, SIZE);
      const source = await tree('copied-files');
      const socket = `${files.env.TSCRYPT_RUNTIME_DIR}/copied/nbd.sock`;
      const uri = `nbd+unix:///copied?socket=${socket}`;
      const open = ['open', '--key-file', '-', ...locationArguments(location), 'copied'];

      await writeFile(files.file('ext4'), '');
      // A block of a file system cannot be smaller than the encryption sector of its volume.
      const block = ['-b', String(VOLUME.sectorSize)];
      await check('mkfs.ext4', ['-q', '-F', ...block, '-d', source, files.file('ext4'), `${SIZE / 1024}k`]);
      await tscrypt(formatArguments(VOLUME, location), PASSPHRASE);
      await tscrypt(open, PASSPHRASE);
      await check('nbdcopy', ['--flush', files.file('ext4'), uri]);
      await tscrypt(['close', 'copied']);

      const guest = await runInKernel(
        `set -e
        cryptsetup open --key-file - '${location.device}' copied
        mount /dev/mapper/copied /mnt
        cd /mnt
        sha256sum file-*
        cat file-* >together
        cd /
        umount /mnt
        cryptsetup close copied`,
        { rwDirs: [files.path], stdin: PASSPHRASE },
      );
      expect(guest, guest.stderr).toMatchObject({ status: 0, stdout: await sums(source) });

      await tscrypt(open, PASSPHRASE);
      await check('nbdcopy', [uri, files.file('ext4-after')]);
      await tscrypt(['close', 'copied']);
      await check('e2fsck', ['-f', '-n', files.file('ext4-after')]);
      await check('debugfs', ['-R', `dump together ${files.file('together')}`, files.file('ext4-after')]);
      const names = (await readdir(source)).sort();
      const parts = await Promise.all(names.map((name) => readFile(join(source, name))));
      expect((await readFile(files.file('together'))).equals(Buffer.concat(parts))).toBe(true);
    },
  );

  it.skipIf(!requires('nbd-client'))(
    'made and used by the kernel on our export, mounts from the raw image',
    async () => {
      const location = await volumeFiles(files, 'attached', VOLUME, SIZE);
      const source = await tree('attached-files');
      await tscrypt(formatArguments(VOLUME, location), PASSPHRASE);

      const guest = await runInKernel(
        `set -e
        export TSCRYPT_RUNTIME_DIR=/run/tscrypt
        tscrypt() { '${process.execPath}' '${ROOT}bin/tscrypt.js' "$@"; }
        cat >/run/passphrase
        tscrypt open --key-file /run/passphrase '${location.device}' attached
        nbd-client -unix /run/tscrypt/attached/nbd.sock -name attached -block-size 4096 /dev/nbd0 >&2
        mkfs.ext4 -q /dev/nbd0
        mount /dev/nbd0 /mnt
        cp '${source}'/* /mnt
        umount /mnt
        nbd-client -d /dev/nbd0 >&2
        tscrypt close attached

        cryptsetup open --key-file /run/passphrase '${location.device}' raw
        e2fsck -f -n /dev/mapper/raw >&2
        mount -o ro /dev/mapper/raw /mnt
        cd /mnt
        sha256sum file-*`,
        { rwDirs: [files.path], stdin: PASSPHRASE, modules: ['nbd'] },
      );
      expect(guest, guest.stderr).toMatchObject({ status: 0, stdout: await sums(source) });
    },
  );
});
