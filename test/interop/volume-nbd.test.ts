import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VolumeLocation } from '../../src/volume/index.ts';
import { requires } from '../suites/requires.ts';
import { check, program, run, workspace } from '../suites/tools.ts';
import {
  formatArguments,
  locationArguments,
  PASSPHRASE,
  VOLUME_MATRIX,
  type VolumeCase,
  volumeFiles,
} from '../suites/volume-matrix.ts';

const MIB = 1024 * 1024;
const SIZE = 32 * MIB;
const TOOLS = ['nbdinfo', 'nbdcopy', 'qemu-img', 'fio'] as const;

/** One volume of each encryption sector size: it becomes the export's smallest block. */
const VOLUMES = VOLUME_MATRIX.filter(({ name }) => /^argon2id-xts512-(512|4096)$/.test(name));

describe.skipIf(!requires('build', ...TOOLS))('NBD clients on an open volume', () => {
  describe.each(VOLUMES)('$name', (volume) => {
    const files = workspace();
    let location: VolumeLocation;
    let uri: string;

    beforeAll(async () => {
      location = await volumeFiles(files, 'nbd', volume, SIZE);
      await tscrypt(formatArguments(volume, location), PASSPHRASE);
      await open();
    });

    async function tscrypt(args: readonly string[], stdin: Uint8Array | string = ''): Promise<string> {
      const result = await program('tscrypt', args, { env: files.env, stdin });
      expect(result, result.stderr).toMatchObject({ status: 0 });
      return result.stdout;
    }

    async function open(): Promise<void> {
      await tscrypt(['open', '--key-file', '-', ...locationArguments(location), 'nbd'], PASSPHRASE);
      uri = `nbd+unix:///nbd?socket=${files.env.TSCRYPT_RUNTIME_DIR}/nbd/nbd.sock`;
    }

    /** The volume's content by another client than the one under test. */
    async function content(): Promise<Buffer> {
      await check('nbdcopy', [uri, files.file('content')]);
      return readFile(files.file('content'));
    }

    it('nbdinfo lists the export, its size and its smallest block', async () => {
      const { stdout } = await check('nbdinfo', ['--list', '--json', uri.replace('///nbd?', '///?')]);
      const [listed, ...others] = JSON.parse(stdout).exports;
      expect(others).toEqual([]);
      expect(listed).toMatchObject({
        'export-name': 'nbd',
        'export-size': SIZE,
        is_read_only: false,
        can_multi_conn: true,
        can_flush: true,
        can_fua: true,
        block_size_minimum: volume.sectorSize,
      });
    });

    it('nbdinfo maps all of it', async () => {
      const { stdout } = await check('nbdinfo', ['--map', '--json', uri]);
      const extents: { offset: number; length: number }[] = JSON.parse(stdout);
      expect(extents.map(({ offset }) => offset)).toEqual(
        extents.map((_, index) => extents.slice(0, index).reduce((sum, { length }) => sum + length, 0)),
      );
      expect(extents.reduce((sum, { length }) => sum + length, 0)).toBe(SIZE);
    });

    it('nbdcopy writes and reads back', async () => {
      const payload = randomBytes(SIZE);
      await writeFile(files.file('payload'), payload);
      await check('nbdcopy', ['--flush', files.file('payload'), uri]);
      expect((await content()).equals(payload)).toBe(true);
    });

    it('qemu-img converts in, out and compares', async () => {
      const payload = Buffer.concat([randomBytes(3 * MIB), Buffer.alloc(SIZE - 4 * MIB), randomBytes(MIB)]);
      await writeFile(files.file('payload'), payload);
      await check('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', files.file('payload'), uri]);
      expect((await content()).equals(payload)).toBe(true);
      await check('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', uri, files.file('copy.qcow2')]);
      const compared = await run('qemu-img', ['compare', files.file('copy.qcow2'), uri]);
      expect(compared, compared.stderr).toMatchObject({ status: 0 });
    });

    it('fio verifies what several clients write at once, while others read', async () => {
      const before = await content();
      const quarter = SIZE / 4;
      await Promise.all([
        ...[0, 1].map((index) => check('fio', fioArguments(volume, uri, index * quarter, quarter))),
        ...['first', 'second'].map(async (name) => {
          await check('nbdcopy', [uri, files.file(name)]);
          const read = await readFile(files.file(name));
          expect(read.subarray(2 * quarter).equals(before.subarray(2 * quarter))).toBe(true);
        }),
      ]);
      expect((await content()).subarray(2 * quarter).equals(before.subarray(2 * quarter))).toBe(true);
    });

    it('keeps everything when it is closed and opened again', async () => {
      const before = await content();
      await tscrypt(['close', 'nbd']);
      expect((await run('nbdinfo', ['--size', uri])).status).not.toBe(0);
      await open();
      expect((await content()).equals(before)).toBe(true);
    });

    afterAll(async () => {
      await tscrypt(['close', 'nbd']);
    });
  });
});

/** Two jobs, each a connection of its own, on the halves of a range: random writes, then all is verified. */
function fioArguments(volume: VolumeCase, uri: string, offset: number, length: number): string[] {
  return [
    ...['--name=verify', '--ioengine=nbd', `--uri=${uri}`, '--rw=randwrite', '--iodepth=16'],
    ...[`--bsrange=${volume.sectorSize}-64k`, `--blockalign=${volume.sectorSize}`, '--fsync=50'],
    ...['--numjobs=2', `--offset=${offset}`, `--offset_increment=${length / 2}`, `--size=${length / 2}`],
    ...['--verify=crc32c', '--verify_fatal=1', '--do_verify=1', '--verify_state_save=0'],
  ];
}
