import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDevice, type MemoryDeviceOptions } from '../../src/block/memory.ts';
import { fuseExporter } from '../../src/export/fuse/index.ts';
import type { AttachOptions, KernelExport, KernelExportState } from '../../src/export/kernel-export.ts';
import { serveHere } from '../../src/export/queue-threads.ts';
import { listMounts } from '../../src/sys/index.ts';
import { bundle } from '../suites/bundle.ts';
import { requires } from '../suites/requires.ts';
import { check, run, workspace } from '../suites/tools.ts';

const MIB = 1024 * 1024;

describe.skipIf(!requires('root', 'fuse', 'loop', 'mkfs.ext4', 'fio'))(
  'a FUSE file and a loop device',
  () => {
    const files = workspace();
    const program = bundle('test/suites/kernel-export-program.ts');
    let exports: KernelExport[] = [];
    let number = 0;
    let mountPoint: string;

    beforeEach(async () => {
      exports = [];
      number += 1;
      mountPoint = files.file(`mounted-${number}`);
      await mkdir(mountPoint);
    });
    afterEach(async () => {
      await run('umount', ['-l', mountPoint]);
      for (const made of exports) await made.detach({ force: true });
    });

    async function attach(
      device: ConstructorParameters<typeof MemoryDevice>[0] | MemoryDevice,
      options: Partial<AttachOptions> & { device?: MemoryDeviceOptions } = {},
    ) {
      const served =
        typeof device === 'number' || device instanceof Uint8Array
          ? new MemoryDevice(device, options.device)
          : device;
      const made = await fuseExporter.attach(served, {
        name: 'disk',
        readOnly: false,
        directory: files.file(`device-${number}`),
        queues: serveHere(served, {} as never),
        identifier: `test-${process.pid}-${number}`,
        log: (error) => console.error(error),
        ...options,
      });
      exports.push(made);
      return made;
    }

    const file = (): string => join(files.file(`device-${number}`), 'mnt/disk');
    const ours = async () => (await listMounts()).filter(({ mountPoint: at }) => at.startsWith(files.path));
    const queue = (made: KernelExport, name: string): string =>
      readFileSync(`/sys/block/${made.node.slice('/dev/'.length)}/queue/${name}`, 'utf8').trim();

    it.each([512, 4096])('carries a file system on blocks of %i bytes', async (logicalBlockSize) => {
      const device = new MemoryDevice(96 * MIB, { logicalBlockSize });
      const made = await attach(device);
      expect(made.node).toMatch(/^\/dev\/loop\d+$/);
      expect(queue(made, 'logical_block_size')).toBe(String(logicalBlockSize));
      await check('mkfs.ext4', ['-q', made.node]);
      await check('mount', [made.node, mountPoint]);
      await check('fio', [
        ...['--name=v', `--directory=${mountPoint}`, '--size=16m', '--rw=randwrite', '--ioengine=libaio'],
        ...['--bssplit=4k/60:64k/30:1m/10', '--verify=crc32c', '--verify_fatal=1', '--do_verify=1'],
        ...['--iodepth=16', '--direct=1', '--randseed=7'],
      ]);
      rmSync(join(mountPoint, 'v.0.0'));
      device.content.fill(0xee, 80 * MIB, 80 * MIB + 4096);
      await check('fstrim', [mountPoint]);
      writeFileSync(join(mountPoint, 'kept'), 'kept');
      expect(await made.inUse()).toBe(true);
      await expect(made.detach()).rejects.toMatchObject({ code: 'DEVICE_BUSY' });
      await check('umount', [mountPoint]);
      await check('fsck.ext4', ['-fn', made.node]);
      expect(await made.inUse()).toBe(false);
      const { errors, reads, writes, flushes, others } = await made.counters();
      expect(errors).toBe(0);
      for (const count of [reads, writes, flushes, others]) expect(count).toBeGreaterThan(0);
      await made.detach();
      await made.ended;
      expect(await ours()).toEqual([]);
      // Everything has come to the device itself.
      writeFileSync(files.file('content'), device.content);
      await check('fsck.ext4', ['-fn', files.file('content')]);
      const kept = await check('debugfs', ['-R', 'cat kept', files.file('content')]);
      expect(kept.stdout).toBe('kept');
    });

    it('is a file of any bytes as well', async () => {
      const device = new MemoryDevice(MIB, { logicalBlockSize: 8192 });
      const made = await attach(device);
      // Loop devices have no blocks that large.
      expect(made).toMatchObject({ node: file(), numbers: undefined });
      const handle = await open(file(), 'r+');
      const pattern = Buffer.from('across the end of a block');
      await handle.write(pattern, 0, pattern.length, 8190);
      expect(Buffer.from(device.content.subarray(8188, 8190 + pattern.length + 2)).toString('latin1')).toBe(
        `\0\0${pattern.toString()}\0\0`,
      );
      const read = await handle.read(Buffer.alloc(100), 0, 100, MIB - 50);
      expect(read.bytesRead).toBe(50);
      await expect(handle.write(pattern, 0, pattern.length, MIB)).rejects.toMatchObject({ code: 'ENOSPC' });
      await expect(handle.truncate(4096)).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(made.detach()).rejects.toMatchObject({ code: 'DEVICE_BUSY' });
      await handle.close();
      await check('fallocate', ['--punch-hole', '--offset', '8195', '--length', '10', file()]);
      expect((await readFile(file())).equals(Buffer.from(device.content))).toBe(true);
      expect(device.content.subarray(8195, 8205).every((byte) => byte === 0)).toBe(true);
      expect(await readdir(join(file(), '..'))).toEqual(['disk']);
      await made.detach();
      expect(existsSync(file())).toBe(false);
    });

    it('discards where a discarded block is not zeroes, and never for zeroes', async () => {
      class Forgetful extends MemoryDevice {
        override readonly features = { discard: true, fastZeroes: false, multiConnection: true };
        override discard(offset: number, length: number): void {
          this.content.fill(0xdd, offset, offset + length);
        }
      }
      const device = new Forgetful(MIB);
      device.content.fill(1);
      const made = await attach(device);
      expect(device.content.every((byte) => byte === 1)).toBe(true);
      await check('blkdiscard', ['-z', '-o', '65536', '-l', '65536', made.node]);
      expect(device.content.subarray(65536, 131072).every((byte) => byte === 0)).toBe(true);
      const discarded = await run('blkdiscard', ['-o', '131072', '-l', '65536', made.node]);
      // Kernels before 6.10 do not let the two be told apart, and none is discarded then.
      const expected = queue(made, 'write_zeroes_max_bytes') === '0' ? 0xdd : 1;
      expect(discarded.status).toBe(expected === 1 ? 1 : 0);
      expect(device.content.subarray(131072, 196608).every((byte) => byte === expected)).toBe(true);
      expect(device.content[65535]).toBe(1);
    });

    it('is read-only where the device is', async () => {
      const made = await attach(MIB, { readOnly: true });
      expect(readFileSync(`/sys/block/${made.node.slice('/dev/'.length)}/ro`, 'utf8').trim()).toBe('1');
      await expect(open(file(), 'r+')).rejects.toMatchObject({ code: 'EROFS' });
      await made.detach();
    });

    it('grows', async () => {
      const device = new MemoryDevice(new Uint8Array(2 * MIB));
      const small = { value: MIB };
      const view = new Proxy(device, {
        get: (target, key) => {
          if (key === 'size') return small.value;
          const value = Reflect.get(target, key, target) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      const made = await attach(view);
      const size = async () => (await check('blockdev', ['--getsize64', made.node])).stdout.trim();
      expect(await size()).toBe(String(MIB));
      small.value = 2 * MIB;
      await made.resize(2 * MIB);
      expect(await size()).toBe(String(2 * MIB));
      await made.detach();
    });

    it('passes errors on to exactly the request that met them', async () => {
      const device = new MemoryDevice(MIB);
      const made = await attach(
        new Proxy(device, {
          get: (target, key) => {
            if (key === 'read') {
              return async (offset: number, into: Uint8Array) => {
                if (offset < 8192 && offset + into.length > 4096) throw new Error('lost');
                target.read(offset, into);
              };
            }
            const value = Reflect.get(target, key, target) as unknown;
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
        { log: () => {} },
      );
      const read = (skip: number) =>
        run('dd', [`if=${made.node}`, 'of=/dev/null', 'bs=4096', 'count=1', `skip=${skip}`, 'iflag=direct']);
      expect(await Promise.all([read(0), read(1), read(2)])).toMatchObject([
        { status: 0 },
        { status: 1 },
        { status: 0 },
      ]);
      expect((await made.counters()).errors).toBeGreaterThan(0);
      await made.detach();
    });

    it('ends when somebody else detaches the loop device, or unmounts the file', async () => {
      const loop = await attach(MIB);
      await check('losetup', ['-d', loop.node]);
      await loop.ended;
      expect(await ours()).toEqual([]);
      number += 1;
      const bare = await attach(MIB, { device: { logicalBlockSize: 8192 } });
      await check('umount', [join(file(), '..')]);
      await bare.ended;
      await bare.detach();
    });

    it('is taken by force from whoever uses it', async () => {
      const made = await attach(64 * MIB);
      await check('mkfs.ext4', ['-q', made.node]);
      await check('mount', [made.node, mountPoint]);
      const held = await open(join(mountPoint, 'held'), 'w');
      await made.detach({ force: true });
      await made.ended;
      await held.write('more').catch(() => {});
      await expect(held.sync()).rejects.toThrow();
      await held.close();
      expect(await ours()).toEqual([]);
    });

    it('can be attached and detached fifty times, and nothing stays', async () => {
      const descriptors = () => readdirSync('/proc/self/fd').length;
      await (await attach(MIB)).detach();
      const before = descriptors();
      for (let cycle = 0; cycle < 50; cycle++) {
        const made = await attach(MIB);
        await made.detach();
        await made.ended;
      }
      expect(descriptors()).toBe(before);
      expect(await ours()).toEqual([]);
    });

    describe('whose server is killed', () => {
      let server: ChildProcess;
      let directory: string;
      async function serve(): Promise<KernelExportState> {
        directory = files.file(`served-${number}`);
        await mkdir(directory, { recursive: true });
        writeFileSync(join(directory, 'image'), '');
        truncateSync(join(directory, 'image'), 64 * MIB);
        server = spawn(
          process.execPath,
          [
            program.path,
            'fuse',
            join(directory, 'image'),
            directory,
            `identifier=killed-${process.pid}-${number}`,
          ],
          { stdio: 'inherit' },
        );
        const path = join(directory, 'state.json');
        while (!existsSync(path)) await sleep(20);
        return JSON.parse(readFileSync(path, 'utf8')) as KernelExportState;
      }
      async function kill(): Promise<void> {
        const gone = new Promise((resolve) => server.once('exit', resolve));
        server.kill('SIGKILL');
        await gone;
      }

      it('gives errors and does not hang, and is removed', async () => {
        const state = await serve();
        await check('mkfs.ext4', ['-q', state.node]);
        await check('mount', [state.node, mountPoint]);
        const load = run('fio', [
          ...['--name=v', `--directory=${mountPoint}`, '--size=16m', '--rw=randrw', '--bs=4k', '--direct=1'],
          ...['--ioengine=libaio', '--iodepth=16', '--time_based', '--runtime=30'],
        ]);
        await sleep(1500);
        await kill();
        expect((await load).status).not.toBe(0);
        await fuseExporter.remove(state);
        expect(await ours()).toEqual([]);
        const attached = await check('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
        expect(attached.stdout).not.toContain(directory);
        // Again does no harm, nor when others use the loop device.
        await fuseExporter.remove(state);
      });
    });
  },
);
