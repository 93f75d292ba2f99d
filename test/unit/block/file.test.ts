import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, open, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlignedBuffers } from '../../../src/block/aligned-buffers.ts';
import { diskGeometry } from '../../../src/block/file-geometry.ts';
import { openFile, SliceDevice } from '../../../src/block/index.ts';
import { ffiAvailable } from '../../../src/sys/index.ts';
import { codeOf, expectBytes, pattern, read } from '../../suites/block-device.ts';
import { requires } from '../../suites/requires.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tscrypt-file-'));
  path = join(directory, 'image');
  await writeFile(path, pattern(8192, 1));
});
afterEach(() => rm(directory, { recursive: true }));

describe('a file as a block device', () => {
  it('is as long as its whole blocks, and its other bytes stay', async () => {
    await writeFile(path, pattern(8192 + 300, 1));
    const device = await openFile(path);
    expect(device.size).toBe(8192);
    expect(await codeOf(() => device.write(8192, new Uint8Array(512)))).toBe('NO_SPACE');
    await device.write(7680, pattern(512, 2));
    await device.close();
    const content = await readFile(path);
    expect(content).toHaveLength(8492);
    expectBytes(content.subarray(7680, 8192), pattern(512, 2));
    expectBytes(content.subarray(8192), pattern(8192 + 300, 1).slice(8192));
  });

  it('may be empty, or a link', async () => {
    await writeFile(path, '');
    const empty = await openFile(path);
    expect(empty.size).toBe(0);
    await empty.close();
    await symlink('image', join(directory, 'link'));
    await (await openFile(join(directory, 'link'))).close();
  });

  it('tells why it cannot be opened', async () => {
    expect(await codeOf(() => openFile(join(directory, 'none')))).toBe('NO_SUCH_DEVICE');
    expect(await codeOf(() => openFile(join(path, 'below')))).toBe('NO_SUCH_DEVICE');
    expect(await codeOf(() => openFile(directory, { readOnly: true }))).toBe('NO_SUCH_DEVICE');
    expect(await codeOf(() => openFile('/dev/zero'))).toBe('NO_SUCH_DEVICE');
    if (process.getuid?.() !== 0) {
      await chmod(path, 0o400);
      expect(await codeOf(() => openFile(path))).toBe('PERMISSION_DENIED');
    }
  });

  it.skipIf(!requires('mkfifo'))('is not a FIFO, and does not wait for its other end', async () => {
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    expect(await codeOf(() => openFile(fifo, { readOnly: true }))).toBe('NO_SUCH_DEVICE');
    expect(await codeOf(() => openFile(fifo))).toBe('NO_SUCH_DEVICE');
  });

  it('says so when the file was cut short behind its back', async () => {
    for (const options of [{}, { direct: true }]) {
      await writeFile(path, pattern(64 * 1024, 1));
      const device = await openFile(path, options);
      await truncate(path, 4096);
      expect(await codeOf(() => device.read(32 * 1024, new Uint8Array(4096)))).toBe('IO_ERROR');
      expect(await codeOf(() => device.read(0, new Uint8Array(8192)))).toBe('IO_ERROR');
      await device.close();
    }
  });

  it('does not write when it is read-only', async () => {
    const device = await openFile(path, { readOnly: true, exclusive: true });
    expect(await codeOf(() => device.write(0, new Uint8Array(512)))).toBe('READ_ONLY');
    await device.flush();
    await device.close();
    expectBytes(await readFile(path), pattern(8192, 1));
  });

  it('serves more direct requests at once than there are aligned buffers', async () => {
    const length = AlignedBuffers.slotSize + 4096;
    const count = 40;
    await truncate(path, count * length);
    const device = await openFile(path, { direct: true });
    const blocks = Array.from({ length: count }, (_, index) => pattern(length, index + 1));
    await Promise.all(blocks.map(async (block, index) => device.write(index * length, block)));
    const found = await Promise.all(blocks.map((_, index) => read(device, index * length, length)));
    for (const [index, block] of blocks.entries()) expectBytes(found[index]!, block);
    await device.close();
  });
});

describe('a disk without sysfs', () => {
  it('is as long as it can be read', async () => {
    // A regular file stands in: its device number is 0:0, which sysfs does not know.
    for (const size of [0, 512, 1024, 1536, 65536, 1024 * 1024 + 512]) {
      await writeFile(path, new Uint8Array(size));
      const handle = await open(path, 'r');
      const geometry = await diskGeometry(path, handle, await handle.stat());
      expect(geometry).toMatchObject({ size, logicalBlockSize: 512, physicalBlockSize: 512 });
      await handle.close();
    }
  });
});

describe.skipIf(!ffiAvailable())('a file that can have holes', () => {
  /** Bytes that the file takes on its disk. */
  const stored = async (): Promise<number> => (await stat(path)).blocks * 512;

  it('gives storage back when it discards and when it writes zeroes, and reads as zeroes there', async () => {
    const size = 1 << 20;
    const content = pattern(size, 3);
    await writeFile(path, content);
    const device = await openFile(path);
    expect(device.features).toMatchObject({ discard: true, fastZeroes: true });
    expect(await stored()).toBeGreaterThanOrEqual(size);
    await device.discard(4096, size / 2);
    await device.writeZeroes(size / 2 + 8192, size / 4, { fua: true, fast: true });
    // Parts of blocks too.
    await device.discard(size - 1024, 512);
    expect(await stored()).toBeLessThanOrEqual(size / 2);
    content.fill(0, 4096, 4096 + size / 2);
    content.fill(0, size / 2 + 8192, size / 2 + 8192 + size / 4);
    content.fill(0, size - 1024, size - 512);
    expectBytes(await read(device, 0, size), content);
    expect((await stat(path)).size).toBe(size);
    await device.close();
  });

  it('keeps the storage where it is told to', async () => {
    const device = await openFile(path);
    const before = await stored();
    await device.writeZeroes(0, 8192, { noHole: true });
    expect(await stored()).toBe(before);
    expectBytes(await read(device, 0, 8192), new Uint8Array(8192));
    await device.close();
  });

  it('says that it cannot keep the storage fast where the file system cannot', async () => {
    // tmpfs punches holes, and that is all.
    const image = join('/dev/shm', `tscrypt-file-${process.pid}`);
    try {
      await writeFile(image, pattern(8192, 1));
      const device = await openFile(image);
      const code = await codeOf(() => device.writeZeroes(0, 4096, { noHole: true, fast: true }));
      expect(code).toBe('NOT_SUPPORTED');
      expectBytes(await read(device, 0, 8192), pattern(8192, 1));
      await device.writeZeroes(0, 4096, { noHole: true });
      await device.writeZeroes(4096, 4096, { fast: true });
      expectBytes(await read(device, 0, 8192), new Uint8Array(8192));
      await device.close();
    } finally {
      await rm(image);
    }
  });

  it('is not grown by finding that out', async () => {
    await (await openFile(path)).close();
    expect((await stat(path)).size).toBe(8192);
  });
});

describe('a slice', () => {
  it('keeps to its range, and closes what is below only when it owns it', async () => {
    const device = await openFile(path);
    const slice = new SliceDevice(device, 1024, 2048, { readOnly: true, name: 'part' });
    expect(slice).toMatchObject({ name: 'part', size: 2048, readOnly: true });
    expectBytes(await read(slice, 512, 1024), pattern(8192, 1).slice(1536, 2560));
    expect(await codeOf(() => slice.write(0, new Uint8Array(512)))).toBe('READ_ONLY');
    expect(await codeOf(() => slice.read(2048, new Uint8Array(512)))).toBe('INVALID_ARGUMENT');
    await slice.close();
    await read(device, 0, 512);
    const owner = new SliceDevice(device, 0, 512, { ownsDevice: true });
    await owner.close();
    await expect(async () => device.read(0, new Uint8Array(512))).rejects.toThrow();
  });

  it('must lie inside its device, on whole blocks', async () => {
    const device = await openFile(path);
    for (const [offset, size] of [
      [1, 512],
      [0, 513],
      [8192, 512],
      [-512, 512],
      [9216, undefined],
    ] as const) {
      expect(await codeOf(() => new SliceDevice(device, offset, size))).toBe('INVALID_ARGUMENT');
    }
    await device.close();
  });
});
