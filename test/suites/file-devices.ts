import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type OpenFileOptions, openFile } from '../../src/block/index.ts';
import { type BlockDeviceFactory, blockDeviceSuite } from './block-device.ts';

const SIZE = 2 * 1024 * 1024;

/**
 * Every way to reach a file, on a disk and in memory.
 *
 * @param how what is special about this run
 */
export function fileDeviceSuites(how: string): void {
  // A file system in memory has nothing that waits; many machines have one in /tmp, so not there.
  blockDeviceSuite(`file, ${how},`, fileFactory('/var/tmp', {}));
  blockDeviceSuite(`file in memory, ${how},`, fileFactory('/dev/shm', {}));
  blockDeviceSuite(`file with direct I/O, ${how},`, fileFactory('/var/tmp', { direct: true }));
}

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
