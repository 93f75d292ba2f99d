import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FaultDevice,
  MemoryDevice,
  type OpenFileOptions,
  openFile,
  SliceDevice,
} from '../../../src/block/index.ts';
import { type BlockDeviceFactory, blockDeviceSuite } from '../../suites/block-device.ts';

const SIZE = 2 * 1024 * 1024;

blockDeviceSuite('memory', { create: async () => new MemoryDevice(SIZE) });
blockDeviceSuite('memory of 4096-byte blocks', {
  create: async () => new MemoryDevice(SIZE, { logicalBlockSize: 4096 }),
});
blockDeviceSuite('slice', {
  create: async () =>
    new SliceDevice(new MemoryDevice(SIZE), 512 * 1024, 1024 * 1024 + 512, { ownsDevice: true }),
});
blockDeviceSuite('fault device without faults', { create: () => FaultDevice.over(new MemoryDevice(SIZE)) });

blockDeviceSuite('file', fileFactory(tmpdir(), {}));
blockDeviceSuite('file in memory', fileFactory('/dev/shm', {}));
blockDeviceSuite('file with direct I/O', fileFactory(tmpdir(), { direct: true }));

function fileFactory(parent: string, options: OpenFileOptions): BlockDeviceFactory {
  let directory = '';
  return {
    async create() {
      directory = await mkdtemp(join(parent, 'tscrypt-block-'));
      const path = join(directory, 'image');
      await writeFile(path, '');
      await truncate(path, SIZE + 100);
      return openFile(path, options);
    },
    reopen: ({ readOnly }) => openFile(join(directory, 'image'), { ...options, readOnly }),
    cleanup: () => rm(directory, { recursive: true }),
  };
}
