import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import { DeviceMapper } from '../../../src/dm/index.ts';
import { formatTable, parseTable } from '../../../src/table/index.ts';
import { bytes, codeOf, disk, isSettled, opener } from './support.ts';

/** Every opening of the disk is one of its own, so that closing it ends no other. */
const mapper = () => {
  const { content } = disk(64);
  return new DeviceMapper({
    openDevice: async (name) =>
      await opener({ disk: new MemoryDevice(content, { name: 'disk' }) })(name, { readOnly: false }),
  });
};

async function add(dm: DeviceMapper, name: string, table?: string, uuid?: string) {
  const device = await dm.create({ name, uuid });
  if (table !== undefined) {
    await dm.load(device, parseTable(table));
    await device.resume();
  }
  return device;
}

describe('the devices of a device mapper', () => {
  it('have names, UUIDs and numbers of their own', async () => {
    const dm = mapper();
    const one = await add(dm, 'one', undefined, 'U-1');
    const two = await dm.create({ name: 'two', minor: 5 });
    const three = await dm.create({ name: 'three' });
    expect([one.minor, two.minor, three.minor]).toEqual([0, 5, 1]);
    expect(dm.devices.map(({ name }) => name)).toEqual(['one', 'three', 'two']);
    expect(dm.findByUuid('U-1')).toBe(one);
    expect(dm.findByMinor(5)).toBe(two);
    for (const taken of [{ name: 'one' }, { name: 'x', uuid: 'U-1' }, { name: 'x', minor: 5 }]) {
      expect(await codeOf(dm.create(taken))).toBe('DEVICE_EXISTS');
    }
    const both = await Promise.allSettled([dm.create({ name: 'same' }), dm.create({ name: 'same' })]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    const numbers = await Promise.all(['a', 'b', 'c'].map((name) => dm.create({ name })));
    expect(new Set(numbers.map(({ minor }) => minor)).size).toBe(3);
  });

  it('lie upon each other by name, UUID or number, and count as open then', async () => {
    const dm = mapper();
    const lower = await add(dm, 'lower', '0 64 linear disk 0', 'U-1');
    const names = [
      '/dev/mapper/lower',
      '/dev/disk/by-id/dm-name-lower',
      '/dev/disk/by-id/dm-uuid-U-1',
      '4095:0',
    ];
    for (const [index, name] of names.entries()) {
      const upper = await add(dm, `upper${index}`, `0 8 linear ${name} 8\n8 8 linear disk 0`);
      expect(formatTable(upper.table())).toBe('0 8 linear 4095:0 8\n8 8 linear disk 0\n');
      expect(upper.dependencies()).toEqual(['4095:0', 'disk']);
      const data = bytes(name, 4096);
      await upper.write(0, data);
      const back = new Uint8Array(4096);
      await lower.read(4096, back);
      expect(back).toEqual(data);
      expect(lower.info.openCount).toBe(1);
      expect(await codeOf(dm.remove(lower))).toBe('DEVICE_BUSY');
      await dm.remove(upper);
      expect(lower.info.openCount).toBe(0);
    }
    await dm.remove(lower);
    expect(dm.devices).toEqual([]);
  });

  it('keep what lies upon them when they are renamed', async () => {
    const dm = mapper();
    const lower = await add(dm, 'lower', '0 8 zero');
    const upper = await add(dm, 'upper', '0 8 linear /dev/mapper/lower 0');
    await dm.rename(lower, 'renamed');
    expect(dm.find('lower')).toBeUndefined();
    expect(dm.find('renamed')).toBe(lower);
    expect(formatTable(upper.table())).toBe('0 8 linear 4095:0 0\n');
    await dm.load(upper, upper.table());
    await upper.resume();
    expect(await codeOf(dm.rename(lower, 'upper'))).toBe('DEVICE_EXISTS');
    await dm.setUuid(lower, 'U-1');
    expect(await codeOf(dm.setUuid(upper, 'U-1'))).toBe('DEVICE_EXISTS');
    expect(await codeOf(dm.setUuid(lower, 'U-2'))).toBe('INVALID_ARGUMENT');
    expect(lower.info.eventNumber).toBe(2);
  });

  it('never lie upon themselves, at any depth', async () => {
    const dm = mapper();
    const one = await add(dm, 'one', '0 8 zero');
    const two = await add(dm, 'two', '0 8 linear /dev/mapper/one 0');
    const three = await add(dm, 'three', '0 8 linear /dev/mapper/two 0');
    for (const name of ['one', 'two', 'three']) {
      const table = parseTable(`0 8 linear /dev/mapper/${name} 0`);
      expect(await codeOf(dm.load(one, table))).toBe('INVALID_ARGUMENT');
    }
    expect(await codeOf(dm.load(three, parseTable('0 8 linear 4095:0 0')))).toBeUndefined();
    expect([one, two, three].map(({ info }) => info.openCount)).toEqual([2, 1, 0]);
  });

  it("hand the caller's own buffer down, at any depth, and flush and FUA once", async () => {
    const below = await FaultDevice.over(disk(64));
    const buffers: Uint8Array[] = [];
    const [read, write] = [below.read.bind(below), below.write.bind(below)];
    below.read = (offset, into) => {
      buffers.push(into);
      return read(offset, into);
    };
    below.write = (offset, from, options) => {
      buffers.push(from);
      return write(offset, from, options);
    };
    const dm = new DeviceMapper({ openDevice: async () => below });
    await add(dm, 'a', '0 16 linear disk 0\n16 48 linear disk 16');
    await add(dm, 'b', '0 64 linear /dev/mapper/a 0');
    const top = await add(dm, 'c', '0 32 linear /dev/mapper/b 0\n32 32 linear /dev/mapper/b 32');
    const buffer = bytes('buffer', 4096);
    await top.write(0, buffer, { fua: true });
    await top.read(0, buffer);
    expect(buffers).toHaveLength(2);
    for (const found of buffers) expect(found).toBe(buffer);
    await top.flush();
    expect(below.log.map(({ kind }) => kind)).toEqual(['write', 'flush']);
    expect(below.log[0]).toMatchObject({ fua: true });
  });

  it('are suspended from the bottom up as well as from the top down, without waiting for each other', async () => {
    for (const flush of [true, false]) {
      const dm = mapper();
      const lower = await add(dm, 'lower', '0 64 linear disk 0');
      const middle = await add(dm, 'middle', '0 64 linear /dev/mapper/lower 0');
      const upper = await add(dm, 'upper', '0 64 linear /dev/mapper/middle 0');
      await upper.write(0, bytes('data', 4096));
      await lower.suspend({ flush });
      expect([upper.suspended, middle.suspended]).toEqual([true, true]);
      await upper.suspend();
      await middle.suspend();
      for (const device of [middle, upper, lower]) await device.resume();
      expect(upper.suspended).toBe(false);
      await upper.flush();
    }
  });

  it('that were flushed when they were suspended need no other flush', async () => {
    const below = await FaultDevice.over(disk(64));
    const dm = new DeviceMapper({ openDevice: async () => below });
    const device = await add(dm, 'm', '0 64 linear disk 0');
    const flushes = () => below.log.filter(({ kind }) => kind === 'flush').length;
    await device.suspend();
    expect(flushes()).toBe(1);
    await device.flush();
    expect(flushes()).toBe(1);
    await device.resume();
    await device.flush();
    expect(flushes()).toBe(2);
    await device.suspend({ flush: false });
    const held = Promise.resolve(device.flush());
    expect(await isSettled(held)).toBe(false);
    await device.resume();
    await held;
    expect(flushes()).toBe(3);
  });

  it('are removed when their last use ends, if that was asked for and not taken back', async () => {
    const dm = mapper();
    const device = await add(dm, 'm', '0 8 zero');
    const use = device.open();
    let removed = 0;
    const defer = () => device.deferRemoval(() => removed++);
    defer();
    expect(device.info.deferredRemove).toBe(true);
    expect(await codeOf(device.message(0, ['@cancel_deferred_remove', 'x']))).toBe('INVALID_ARGUMENT');
    expect(device.info.deferredRemove).toBe(true);
    expect(await device.message(0, ['@Cancel_Deferred_Remove'])).toBe('');
    await use.close();
    expect(removed).toBe(0);
    const [first, second] = [device.open(), device.open()];
    defer();
    await first.close();
    expect(removed).toBe(0);
    await second.close();
    expect(removed).toBe(1);
  });

  it('can be wiped, so that requests fail although the disk below does not answer', async () => {
    const dm = mapper();
    const device = await add(dm, 'm', '0 8 linear disk 0');
    await dm.wipeTable(device, { flush: false });
    expect(formatTable(device.table())).toBe('0 8 error \n');
    expect(await codeOf(() => device.read(0, new Uint8Array(512)))).toBe('IO_ERROR');
  });
});
