import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDevice, openFile } from '../../src/block/index.ts';
import { NbdServer } from '../../src/export/nbd/index.ts';
import { expectBytes, pattern } from '../suites/block-device.ts';
import { makeCertificate } from '../suites/certificate.ts';
import { type NbdFixture, serveOnUnixSocket, WAYS } from '../suites/nbd-fixture.ts';
import { requires } from '../suites/requires.ts';

/** Other people's NBD clients against our server. */
const run = promisify(execFile);
const SIZE = 32 * 1024 * 1024;

describe.each(WAYS)('%s', (_name, way) => {
  let memory: MemoryDevice;
  let fixture: NbdFixture;
  beforeEach(async () => {
    memory = new MemoryDevice(SIZE);
    fixture = await serveOnUnixSocket(memory, { ...way, description: 'ein Gerät' });
  });
  afterEach(() => fixture.cleanup());

  describe.skipIf(!requires('nbdinfo'))('nbdinfo', () => {
    it('lists the exports', async () => {
      fixture.server.addExport({ name: 'zwei', device: new MemoryDevice(1024 * 1024), readOnly: true });
      const { stdout } = await run('nbdinfo', ['--list', '--json', fixture.uri('')]);
      const { exports } = JSON.parse(stdout) as { exports: Record<string, unknown>[] };
      expect(exports).toHaveLength(2);
      expect(exports[0]).toMatchObject({
        'export-name': 'disk',
        description: 'ein Gerät',
        'export-size': SIZE,
        is_read_only: false,
        can_df: true,
        can_fast_zero: true,
        can_flush: true,
        can_fua: true,
        can_multi_conn: true,
        can_trim: true,
        can_zero: true,
        block_size_minimum: 512,
        block_size_preferred: 4096,
        block_size_maximum: 32 * 1024 * 1024,
      });
      expect(exports[1]).toMatchObject({ 'export-name': 'zwei', is_read_only: true });
    });

    it('maps the allocation', async () => {
      Object.assign(memory, {
        extents: (offset: number, length: number) =>
          offset < SIZE / 2
            ? [{ length: Math.min(length, SIZE / 2 - offset), hole: false, zero: false }]
            : [{ length, hole: true, zero: true }],
      });
      const { stdout } = await run('nbdinfo', ['--map', '--json', fixture.uri()]);
      expect(JSON.parse(stdout)).toMatchObject([
        { offset: 0, length: SIZE / 2, type: 0 },
        { offset: SIZE / 2, length: SIZE / 2, type: 3 },
      ]);
    });

    it.skipIf(!requires('openssl'))('reaches an export over TLS', async () => {
      const { cert, key } = makeCertificate();
      const server = new NbdServer({ exports: [{ name: 'disk', device: memory }], tls: { cert, key } });
      const { port } = await server.listenTcp('127.0.0.1', 0);
      await writeFile(join(fixture.directory, 'ca-cert.pem'), cert);
      try {
        const uri = `nbds://127.0.0.1:${port}/disk?tls-certificates=${fixture.directory}&tls-hostname=localhost`;
        const plain = run('nbdinfo', ['--size', `nbd://127.0.0.1:${port}/disk`]);
        await expect(plain).rejects.toThrow();
        const { stdout } = await run('nbdinfo', ['--size', uri]);
        expect(Number(stdout)).toBe(SIZE);
      } finally {
        await server.close();
      }
    });
  });

  describe.skipIf(!requires('nbdcopy'))('nbdcopy', () => {
    it('copies both ways over one and several connections', async () => {
      const image = join(fixture.directory, 'image');
      const data = pattern(SIZE, 11);
      data.fill(0, SIZE / 4, SIZE / 2);
      await writeFile(image, data);
      for (const options of [
        ['--connections=1'],
        ['--connections=4', '--requests=64'],
        ['--request-size=1048576'],
      ]) {
        memory.content.fill(0xcc);
        await run('nbdcopy', [...options, '--flush', image, fixture.uri()]);
        expectBytes(memory.content, data);
        const back = join(fixture.directory, 'back');
        await run('nbdcopy', [...options, fixture.uri(), back]);
        expectBytes(await readFile(back), data);
      }
    });
  });

  describe.skipIf(!requires('qemu-img', 'qemu-io'))('QEMU', () => {
    it('converts to and from an export', async () => {
      const image = join(fixture.directory, 'image');
      const data = pattern(SIZE, 12);
      data.fill(0, 1024 * 1024, 5 * 1024 * 1024);
      await writeFile(image, data);
      memory.content.fill(0xcc);
      await run('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, fixture.uri()]);
      expectBytes(memory.content, data);
      const qcow = join(fixture.directory, 'image.qcow2');
      await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', fixture.uri(), qcow]);
      const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', image, qcow]);
      expect(stdout).toContain('identical');
    });

    it('reads, writes, discards and zeroes', async () => {
      memory.content.fill(0xcc);
      const commands = [
        'write -P 0x11 0 64k',
        'write -f -P 0x22 64k 64k',
        'write -z 128k 64k',
        'write -z -u 192k 64k',
        'discard 256k 64k',
        'aio_write -P 0x33 1M 4M',
        'aio_read -P 0xcc 8M 4M',
        'aio_flush',
        'flush',
        'read -P 0x11 0 64k',
        'read -P 0x22 64k 64k',
        'read -P 0 128k 128k',
        'read -P 0x33 1M 4M',
        'read -P 0xcc 5M 1M',
      ];
      const { stdout } = await run('qemu-io', [
        '-f',
        'raw',
        ...commands.flatMap((command) => ['-c', command]),
        fixture.uri(),
      ]);
      expect(stdout).not.toMatch(/fail|error|Pattern/i);
      expect(memory.content.subarray(0, 65536).every((byte) => byte === 0x11)).toBe(true);
    });
  });

  describe.skipIf(!requires('fio'))('fio', () => {
    /** fio leaves the state of its verification where it is started. */
    const runFio = (args: string[]): Promise<unknown> => run('fio', args, { cwd: fixture.directory });
    const fio = (...options: string[]): Promise<unknown> =>
      runFio([
        '--name=verify',
        '--ioengine=nbd',
        `--uri=${fixture.uri()}`,
        '--randrepeat=1',
        '--verify=crc32c',
        '--verify_fatal=1',
        ...options,
      ]);

    it('finds what it wrote, in memory', async () => {
      await fio('--rw=randwrite', '--bs=4k', '--iodepth=32', `--size=${SIZE}`);
      await fio('--rw=randwrite', '--bsrange=512-1m', '--bs_unaligned=0', '--iodepth=16', `--size=${SIZE}`);
      await fio('--rw=write', '--bs=4m', '--iodepth=4', `--size=${SIZE}`);
    });

    it('finds what it wrote, in a file, by several clients at once', async () => {
      const path = join(fixture.directory, 'image');
      await writeFile(path, new Uint8Array(SIZE));
      const device = await openFile(path);
      fixture.server.addExport({ name: 'file', device });
      const part = SIZE / 4;
      const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
      const empty = hash(await readFile(path));
      await Promise.all(
        [0, 1, 2, 3].map((client) =>
          runFio([
            `--name=client${client}`,
            '--ioengine=nbd',
            `--uri=${fixture.uri('file')}`,
            '--rw=randwrite',
            '--bsrange=4k-128k',
            '--iodepth=16',
            `--offset=${client * part}`,
            `--size=${part}`,
            '--verify=crc32c',
            '--verify_fatal=1',
          ]),
        ),
      );
      expect(fixture.server.connections('file')).toBe(0);
      await device.close();
      expect(hash(await readFile(path))).not.toBe(empty);
    });
  });
});
