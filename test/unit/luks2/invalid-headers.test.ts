import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import { planRestore, readHeader, recoverHeader, restoreHeader } from '../../../src/luks2/index.ts';
import { volume, writeMetadata } from './images.ts';
import { MUTATIONS } from './mutations.ts';

const REFUSED = ['INVALID_FORMAT', 'NOT_RECOGNISED', 'DEVICE_TOO_SMALL'];

async function failure(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof TscryptError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('a header with one thing wrong is refused without a write', async () => {
  const { device: original, header } = await volume();

  it('has a valid original', async () => {
    const device = new MemoryDevice(original.content.slice());
    writeMetadata(device, header, () => {});
    expect(await readHeader(device)).toEqual(header);
  });

  it('knows at least 60 ways, each its own', () => {
    expect(MUTATIONS.length).toBeGreaterThanOrEqual(60);
    expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length);
  });

  it.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))('%s', async (_name, mutation) => {
    const memory = new MemoryDevice(original.content.slice());
    mutation.apply(memory, header);
    expect(Buffer.compare(memory.content, original.content)).not.toBe(0);
    const device = await FaultDevice.over(memory);
    expect(REFUSED).toContain(await failure(readHeader(device)));
    expect(REFUSED).toContain(await failure(recoverHeader(device)));
    expect(device.log).toEqual([]);
  });

  it.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))(
    'as a backup: %s',
    async (_name, mutation) => {
      const backup = new MemoryDevice(original.content.slice());
      mutation.apply(backup, header);
      const device = await FaultDevice.over(new MemoryDevice(original.content.slice()));
      expect(REFUSED).toContain(await failure(planRestore(device, backup.content)));
      expect(REFUSED).toContain(await failure(restoreHeader(device, backup.content)));
      expect(device.log).toEqual([]);
    },
  );
});

describe('a header that a device cuts short', async () => {
  const { device: original } = await volume();

  it.each([0, 512, 4096, 16384, 16384 + 4096, 32768, 32768 + 4096])('at %i bytes', async (size) => {
    const device = await FaultDevice.over(new MemoryDevice(original.content.slice(0, size)));
    expect(REFUSED).toContain(await failure(readHeader(device)));
    expect(device.log).toEqual([]);
  });
});
