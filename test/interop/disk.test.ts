import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BlockDevice, type OpenFileOptions, openFile } from '../../src/block/index.ts';
import { ffiAvailable } from '../../src/sys/index.ts';
import {
  type BlockDeviceFactory,
  blockDeviceSuite,
  expectBytes,
  pattern,
  read,
} from '../suites/block-device.ts';
import { requires } from '../suites/requires.ts';

const SIZE = 4 * 1024 * 1024;

/** A loop device: a disk that gives storage back to its file when it is told to. */
class LoopDisk implements BlockDeviceFactory {
  readonly #options: OpenFileOptions;
  readonly #blockSize: number;
  #directory = '';
  node = '';

  constructor(options: OpenFileOptions, blockSize: number) {
    this.#options = options;
    this.#blockSize = blockSize;
  }

  get image(): string {
    return join(this.#directory, 'image');
  }

  async create(): Promise<BlockDevice> {
    this.#directory = await mkdtemp('/var/tmp/tscrypt-disk-');
    await writeFile(this.image, '');
    await truncate(this.image, SIZE);
    const options = ['--find', '--show', '--sector-size', String(this.#blockSize)];
    this.node = execFileSync('losetup', [...options, this.image], { encoding: 'utf8' }).trim();
    return openFile(this.node, this.#options);
  }

  readonly reopen = ({ readOnly }: { readonly readOnly: boolean }): Promise<BlockDevice> =>
    openFile(this.node, { ...this.#options, readOnly });

  async cleanup(): Promise<void> {
    execFileSync('losetup', ['--detach', this.node]);
    await rm(this.#directory, { recursive: true });
  }
}

describe.skipIf(!requires('root', 'losetup'))('a disk', () => {
  for (const blockSize of [512, 4096]) {
    for (const direct of [false, true]) {
      const how = `of ${blockSize}-byte blocks, ${direct ? 'with direct I/O' : 'through the page cache'}`;
      const disk = (options: OpenFileOptions = {}) => new LoopDisk({ direct, ...options }, blockSize);
      blockDeviceSuite(`disk ${how},`, disk());
      blockDeviceSuite(`exclusive disk ${how},`, disk({ exclusive: true }));

      it.skipIf(!ffiAvailable())(`gives storage back and makes zeroes, ${how}`, async () => {
        const factory = disk();
        const device = await factory.create();
        try {
          const stored = async (): Promise<number> => {
            await device.flush();
            execFileSync('sync', [factory.image]);
            return (await stat(factory.image)).blocks * 512;
          };
          expect(device.limits.logicalBlockSize).toBe(blockSize);
          expect(device.features).toMatchObject({ discard: true, fastZeroes: true });
          const content = pattern(SIZE, 6);
          await device.write(0, content);
          expect(await stored()).toBeGreaterThanOrEqual(SIZE);
          await device.discard(SIZE / 2, SIZE / 4);
          expect(await stored()).toBeLessThanOrEqual(SIZE - SIZE / 4);
          await device.writeZeroes(0, SIZE / 4, { fast: true, fua: true });
          await device.writeZeroes(SIZE / 4, 8192, { noHole: true, fast: true });
          content.fill(0, 0, SIZE / 4 + 8192);
          expectBytes(await read(device, 0, SIZE / 2), content.slice(0, SIZE / 2));
          expectBytes(await read(device, (SIZE / 4) * 3, SIZE / 4), content.slice((SIZE / 4) * 3));
        } finally {
          await device.close();
          await factory.cleanup();
        }
      });
    }
  }
});
