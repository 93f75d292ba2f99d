import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../../src/block/index.ts';
import { DeviceMapper } from '../../../../src/dm/index.ts';
import { unstripedTarget } from '../../../../src/dm/targets/unstriped/index.ts';
import { UnstripedTarget } from '../../../../src/dm/targets/unstriped/unstriped.ts';
import { parseTable } from '../../../../src/table/index.ts';
import { targetSuite } from '../../../suites/target.ts';
import { bytes, codeOf, create, disk, failureOf } from '../support.ts';

targetSuite('unstriped', {
  type: unstripedTarget,
  line: { start: 0, length: 4100, type: 'unstriped', args: ['3', '10', '1', 'a', '4'] },
  deviceSize: (4100 * 3 + 4) * 512,
  data: 'kept',
});

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe('unstriped', () => {
  it('takes apart what striped has put together', async () => {
    const disks = ['a', 'b', 'c'].map((name) => disk(640, name));
    const mapper = new DeviceMapper({
      openDevice: async (name) => new MemoryDevice(disks['abc'.indexOf(name)]!.content, { name }),
    });
    const add = async (name: string, table: string) => {
      const device = await mapper.create({ name });
      await mapper.load(device, parseTable(table));
      await device.resume();
      return device;
    };
    const striped = await add('striped', '0 1800 striped 3 20 a 0 b 7 c 40');
    await striped.write(0, bytes('all', 1800 * 512));
    for (const [stripe, offset] of [0, 7, 40].entries()) {
      const part = await add(`part${stripe}`, `0 600 unstriped 3 20 ${stripe} /dev/mapper/striped 0`);
      const content = new Uint8Array(part.size);
      await part.read(0, content);
      expect(same(content, disks[stripe]!.content.subarray(offset * 512, (offset + 600) * 512))).toBe(true);
      const data = bytes(`part ${stripe}`, 50 * 512);
      await part.write(13 * 512, data);
      expect(same(data, disks[stripe]!.content.subarray((offset + 13) * 512, (offset + 63) * 512))).toBe(
        true,
      );
      await part.writeZeroes(15 * 512, 41 * 512);
      content.set(data, 13 * 512);
      content.fill(0, 15 * 512, 56 * 512);
      const back = new Uint8Array(part.size);
      await part.read(0, back);
      expect(same(back, content)).toBe(true);
      expect(await codeOf(() => part.discard(0, 512))).toBe('NOT_SUPPORTED');
    }
  });

  it('passes on how zeroes are to be written', async () => {
    const a = await FaultDevice.over(disk(64, 'a'));
    const device = await create('0 32 unstriped 2 8 1 a 0', { a });
    await device.writeZeroes(7 * 512, 1024, { fua: true });
    expect(a.log).toEqual([
      { kind: 'writeZeroes', offset: 15 * 512, length: 512, fua: true },
      { kind: 'writeZeroes', offset: 24 * 512, length: 512, fua: true },
    ]);
  });

  it('wants requests to stay inside chunks', async () => {
    const a = disk(320, 'a');
    const device = await create('0 160 unstriped 2 16 0 a 0', { a });
    expect(device.limits).toMatchObject({ chunkSize: 8192, discardGranularity: 0 });
    const below = { device: a, given: 'a', label: 'a' };
    const target = new UnstripedTarget({ stripes: 2, chunk: 16, stripe: 0, below, offset: 0 }, 160);
    expect(target.limits).toMatchObject({ chunkSize: 8192, discardGranularity: 0 });
  });

  it.each([
    ['0 64 unstriped 2 8 0 a', 'Invalid number of arguments'],
    ['0 64 unstriped 2 8 0 a 0 9', 'Invalid number of arguments'],
    ['0 64 unstriped 0 8 0 a 0', 'Invalid stripe count'],
    ['0 64 unstriped 2 0 0 a 0', 'Invalid chunk_size'],
    ['0 64 unstriped 2 8 x a 0', 'Invalid stripe number'],
    ['0 64 unstriped 2 8 3 a 0', 'Please provide stripe between [0, # of stripes]'],
    ['0 64 unstriped 2 8 4294967295 a 0', 'Please provide stripe between [0, # of stripes]'],
    ['0 64 unstriped 2 8 4294967296 a 0', 'Invalid stripe number'],
    ['0 64 unstriped 2 8 -1 a 0', 'Invalid stripe number'],
    ['0 64 unstriped 4294967296 8 0 a 0', 'Invalid stripe count'],
    ['0 64 unstriped 2 4294967296 0 a 0', 'Invalid chunk_size'],
    ['0 64 unstriped 2 8 0 a +1', 'Invalid striped device offset'],
    ['0 64 unstriped 2 8 0 a x', 'Invalid striped device offset'],
    ['0 68 unstriped 2 8 0 a 0', 'Target length not divisible by chunk size'],
  ])('refuses %s', async (line, text) => {
    expect((await failureOf(create(line, { a: disk(256, 'a') })))?.message).toBe(`unstriped: ${text}`);
  });

  it('names a device that exists; whatever is wrong with it, the errno is EINVAL', async () => {
    const failure = await failureOf(create('0 64 unstriped 2 8 0 none x'));
    expect(failure).toMatchObject({ code: 'NO_SUCH_DEVICE', errno: 'EINVAL' });
    expect(failure?.message).toMatch(/^unstriped: Couldn't get striped device/);
  });

  it.each([
    ['+2 +8 +1 a 0', '2 8 1 a 0'],
    ['1 8 7 a 0', '1 8 7 a 0'],
    ['2 8 2 a 0', '2 8 2 a 0'],
  ])('takes %s', async (args, printed) => {
    const device = await create(`0 64 unstriped ${args}`, { a: disk(256, 'a') });
    expect(device.table()[0]?.args.join(' ')).toBe(printed);
  });

  it('fails what lies beyond the end of the device, which need not hold the whole stripe', async () => {
    const a = disk(64, 'a');
    const device = await create('0 64 unstriped 2 8 1 a 0', { a });
    const failure = { code: 'IO_ERROR', errno: 'EIO' };
    await device.write(24 * 512, new Uint8Array(8 * 512));
    expect(same(a.content.subarray(56 * 512), new Uint8Array(8 * 512))).toBe(true);
    const before = a.content.slice();
    expect(await failureOf(() => device.read(32 * 512, new Uint8Array(512)))).toMatchObject(failure);
    expect(await failureOf(() => device.write(63 * 512, new Uint8Array(512)))).toMatchObject(failure);
    expect(await failureOf(() => device.writeZeroes(40 * 512, 512))).toMatchObject(failure);
    expect(same(a.content, before)).toBe(true);
    expect(await failureOf(create('0 72 unstriped 2 8 1 a 0', { a }))).toMatchObject({
      code: 'DEVICE_TOO_SMALL',
    });
  });

  it('refuses chunks that end inside a block of the device', async () => {
    const a = new MemoryDevice(256 * 512, { name: 'a', logicalBlockSize: 4096 });
    const failure = await failureOf(create('0 80 unstriped 2 10 0 a 0', { a }));
    expect(failure?.message).toBe('unstriped: chunk_size=10 not aligned to h/w logical block size 4096 of a');
  });

  it('takes a stripe that is not there, as Linux does: it lies behind', async () => {
    const a = disk(64, 'a');
    const device = await create('0 16 unstriped 2 8 2 a 0', { a });
    const back = new Uint8Array(8192);
    await device.read(0, back);
    expect(back).toEqual(new Uint8Array([...a.content.slice(8192, 12288), ...a.content.slice(16384, 20480)]));
  });
});
