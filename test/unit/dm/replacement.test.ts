import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../src/block/index.ts';
import { MappedDevice } from '../../../src/dm/index.ts';
import { parseTable } from '../../../src/table/index.ts';
import { codeOf, create, disk, opener } from './support.ts';

const replace = async (device: MappedDevice, table: string): Promise<void> => {
  await device.load(parseTable(table));
  await device.resume();
};
const large = (): MemoryDevice => new MemoryDevice(64 * 4096, { name: 'large', logicalBlockSize: 4096 });

describe('a table in the place of another', () => {
  it('leaves the limits where it has lost its devices, and takes its own where it never has any', async () => {
    const device = await create('0 64 linear large 0', { large: large() });
    expect(device.limits).toMatchObject({ logicalBlockSize: 4096, discardGranularity: 4096 });
    await replace(device, '0 64 error');
    expect(device.limits).toMatchObject({ logicalBlockSize: 4096, discardGranularity: 4096 });
    await replace(device, '0 64 zero');
    expect(device.limits).toMatchObject({ logicalBlockSize: 512, discardGranularity: 512 });
  });

  it('discards as little as the table before it, where the limits are left', async () => {
    const key = '00'.repeat(16);
    const device = await create(`0 64 crypt aes-cbc-plain64 ${key} 0 disk 0`, { disk: disk(64) });
    expect(device.features.discard).toBe(false);
    await replace(device, '0 64 error');
    expect(device.features.discard).toBe(false);
    expect(await codeOf(() => device.discard(0, 4096))).toBe('NOT_SUPPORTED');
    await replace(device, '0 64 linear disk 0');
    expect(device.features.discard).toBe(true);
  });

  it('may be of any type once errors have replaced an immutable one', async () => {
    const paths = '0 64 multipath 2 queue_mode bio 0 1 1 round-robin 0 1 0 disk';
    const device = await create(paths, { disk: disk(64) });
    expect(await codeOf(device.load(parseTable('0 64 linear disk 0')))).toBe('INVALID_ARGUMENT');
    await replace(device, '0 64 error');
    await replace(device, '0 64 zero');
    await device.close();
  });

  it('has to be there when a suspended device is resumed', async () => {
    const device = await MappedDevice.create({ name: 'm', openDevice: opener({}) });
    await device.resume();
    await device.suspend();
    expect(await codeOf(device.resume())).toBe('INVALID_ARGUMENT');
    expect(device.info.state).toBe('suspended');
    await replace(device, '0 8 zero');
    expect(device.info.state).toBe('active');
  });
});

describe('limits of a mapped device', () => {
  it('discard no less than a physical block', async () => {
    const device = await create('0 64 zero\n64 64 error large 0', { large: large() });
    expect(device.limits).toMatchObject({ physicalBlockSize: 4096, discardGranularity: 4096 });
  });

  it('begin physical blocks where those below do, whatever larger unit is preferred there', async () => {
    const striped = await create('0 96 striped 2 24 disk 0 disk 64', { disk: disk(128) });
    const over = await create('0 64 linear striped 5', { striped });
    expect(over.limits).toMatchObject({ ioMin: 24 * 512, alignmentOffset: 0 });
    await over.close();
  });
});
