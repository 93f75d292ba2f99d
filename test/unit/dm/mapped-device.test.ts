import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import { MappedDevice, type TargetType, targetTypes } from '../../../src/dm/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import { formatTable, parseTable } from '../../../src/table/index.ts';
import { LaterDevice } from '../../models/later-device.ts';
import { blockDeviceSuite } from '../../suites/block-device.ts';
import { bytes, codeOf, create, disk, failureOf, isSettled, opener, XTS_KEY } from './support.ts';

const SECTOR = 512;
const sectorOf = (device: { read(at: number, into: Uint8Array): unknown }, sector: number): Uint8Array => {
  const into = new Uint8Array(SECTOR);
  expect(device.read(sector * SECTOR, into)).toBeUndefined();
  return into;
};

describe('a mapped device', () => {
  it('finishes inline what one target finishes inline, and several', async () => {
    const below = disk(64);
    const device = await create(`0 32 linear disk 0\n32 32 crypt aes-xts-plain64 ${XTS_KEY} 0 disk 32`, {
      disk: below,
    });
    const data = bytes('data', 16 * SECTOR);
    expect(device.write(24 * SECTOR, data)).toBeUndefined();
    const back = new Uint8Array(data.length);
    expect(device.read(24 * SECTOR, back)).toBeUndefined();
    expect(back).toEqual(data);
    expect(device.flush()).toBeUndefined();
    expect(device.writeZeroes(0, device.size)).toBeUndefined();
    await device.close();
  });

  it('refuses what is outside, misaligned or forbidden', async () => {
    const below = disk(16);
    const device = await create('0 16 linear disk 0', { disk: below });
    expect(await codeOf(() => device.read(15 * SECTOR, new Uint8Array(1024)))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => device.write(15 * SECTOR, new Uint8Array(1024)))).toBe('NO_SPACE');
    expect(await codeOf(() => device.read(1, new Uint8Array(SECTOR)))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => device.write(0, new Uint8Array(100)))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => device.discard(0, 17 * SECTOR))).toBe('NO_SPACE');
    expect(device.read(16 * SECTOR, new Uint8Array(0))).toBeUndefined();
    await device.close();

    const sealed = await create('0 16 linear disk 0', { disk: disk(16) }, { readOnly: true });
    for (const request of [
      () => sealed.write(0, new Uint8Array(SECTOR)),
      () => sealed.discard(0, SECTOR),
      () => sealed.writeZeroes(0, SECTOR),
    ]) {
      expect(await codeOf(request)).toBe('READ_ONLY');
    }
    sealed.read(0, new Uint8Array(SECTOR));
    await sealed.close();
  });

  it('opens devices below for reading only when it is read-only, and no read-only one for writing', async () => {
    const opened: boolean[] = [];
    const options = {
      name: 'm',
      table: parseTable('0 8 linear disk 0'),
      openDevice: async (_name: string, { readOnly }: { readOnly: boolean }) => {
        opened.push(readOnly);
        return new MemoryDevice(8 * SECTOR, { readOnly: true });
      },
    };
    const device = await MappedDevice.create({ ...options, readOnly: true });
    expect(device.readOnly).toBe(true);
    expect(opened).toEqual([true]);
    await device.close();
    expect(await codeOf(MappedDevice.create(options))).toBe('READ_ONLY');
  });

  it('has the limits and features of all its targets', async () => {
    const fine = new MemoryDevice(64 * SECTOR, { name: 'fine' });
    const coarse = new MemoryDevice(64 * SECTOR, { name: 'coarse', logicalBlockSize: 4096 });
    const small = new LaterDevice(disk(64, 'small'), {
      limits: { maxIoSize: 8192, ioOpt: 12288 },
      features: { multiConnection: false },
    });
    const devices = { fine, coarse, small };
    const device = await create('0 8 linear fine 0\n8 8 linear coarse 0\n16 8 linear small 0', devices);
    expect(device.limits).toMatchObject({
      logicalBlockSize: 4096,
      physicalBlockSize: 4096,
      ioMin: 4096,
      ioOpt: 12288,
      maxIoSize: 8192,
    });
    expect(device.features).toEqual({ discard: true, fastZeroes: true, multiConnection: false });
    expect(device.info.dependencies).toEqual(['fine', 'coarse', 'small']);
    await device.close();

    const crypt = await create(`0 8 zero\n8 8 crypt aes-xts-plain64 ${XTS_KEY} 0 disk 0`, { disk: disk(8) });
    expect(crypt.features).toMatchObject({ discard: false, fastZeroes: false });
    expect(await codeOf(() => crypt.discard(0, SECTOR))).toBe('NOT_SUPPORTED');
    await crypt.close();
  });

  it('flushes each device below once where targets only pass flushes on, else each target once', async () => {
    const one = await FaultDevice.over(disk(64));
    const linear = await create('0 8 linear disk 0\n8 8 linear disk 8\n16 8 zero', { disk: one });
    await linear.flush();
    expect(one.log).toEqual([{ kind: 'flush' }]);
    await linear.close();

    const crypt = `crypt aes-xts-plain64 ${XTS_KEY} 0 disk`;
    const two = await FaultDevice.over(disk(64));
    const mixed = await create(`0 8 linear disk 0\n8 8 ${crypt} 8\n16 8 ${crypt} 16\n24 8 error`, {
      disk: two,
    });
    await mixed.flush();
    expect(two.log).toEqual([{ kind: 'flush' }, { kind: 'flush' }, { kind: 'flush' }]);
    await mixed.close();
  });

  it('describes extents across targets, joined', async () => {
    const device = await create('0 8 zero\n8 8 zero\n16 8 linear disk 0\n24 8 error\n32 8 zero', {
      disk: disk(8),
    });
    const hole = { hole: true, zero: true };
    const data = { hole: false, zero: false };
    expect(await device.extents(0, device.size)).toEqual([
      { length: 16 * SECTOR, ...hole },
      { length: 16 * SECTOR, ...data },
      { length: 8 * SECTOR, ...hole },
    ]);
    expect(await device.extents(15 * SECTOR, 2 * SECTOR)).toEqual([
      { length: SECTOR, ...hole },
      { length: SECTOR, ...data },
    ]);
    await device.close();
  });
});

describe('suspend and resume', () => {
  it('holds new requests back, ends those under way first, and flushes', async () => {
    const fault = await FaultDevice.over(disk(16));
    const below = new LaterDevice(fault);
    const device = await create('0 16 linear disk 0', { disk: below });
    below.hold();
    const early = device.write(0, bytes('early', SECTOR)) as Promise<void>;
    const suspended = device.suspend();
    await isSettled(suspended);
    const late = device.write(SECTOR, bytes('late', SECTOR)) as Promise<void>;
    const read = device.read(SECTOR, new Uint8Array(SECTOR)) as Promise<void>;
    expect(await isSettled(suspended)).toBe(false);
    below.release();
    await suspended;
    await early;
    expect(device.info.state).toBe('suspended');
    expect(fault.log.map(({ kind }) => kind)).toEqual(['write', 'flush']);
    expect(await isSettled(late)).toBe(false);
    expect(await isSettled(read)).toBe(false);
    await device.suspend();
    expect(await codeOf(device.close())).toBe('DEVICE_BUSY');
    await device.resume();
    await Promise.all([late, read]);
    expect(fault.log.map(({ kind }) => kind)).toEqual(['write', 'flush', 'write']);
    await device.close();
  });

  it('does not flush when told not to', async () => {
    const fault = await FaultDevice.over(disk(16));
    const device = await create('0 16 linear disk 0', { disk: fault });
    await device.suspend({ flush: false });
    expect(fault.log).toEqual([]);
    expect(device.info.state).toBe('suspended');
    await device.resume();
    await device.close();
  });

  it('stays active when the flush fails', async () => {
    const fault = await FaultDevice.over(disk(16));
    const device = await create('0 16 linear disk 0', { disk: fault });
    fault.fail({ kind: 'flush' });
    expect(await codeOf(device.suspend())).toBe('IO_ERROR');
    expect(device.info.state).toBe('active');
    expect(sectorOf(device, 3)).toEqual(fault.imageAfter(0).slice(3 * SECTOR, 4 * SECTOR));
    await device.close();
  });

  it('runs waiting requests through the table that is live after the resume, in order', async () => {
    const [one, two] = [disk(16, 'one'), disk(32, 'two')];
    const device = await create('0 16 linear one 0', { one, two });
    await device.suspend();
    const order: string[] = [];
    const into = new Uint8Array(SECTOR);
    const read = (device.read(20 * SECTOR, into) as Promise<void>).then(() => order.push('read'));
    const write = (device.write(0, bytes('new', SECTOR)) as Promise<void>).then(() => order.push('write'));
    await device.load(parseTable('0 32 linear two 0'));
    expect(device.size).toBe(16 * SECTOR);
    expect(device.info.tables).toEqual({ live: true, inactive: true });
    expect(formatTable(device.table({ inactive: true }))).toBe('0 32 linear two 0\n');
    await device.resume();
    await Promise.all([read, write]);
    expect(order).toEqual(['read', 'write']);
    expect(device.size).toBe(32 * SECTOR);
    expect(into).toEqual(two.content.slice(20 * SECTOR, 21 * SECTOR));
    expect(two.content.slice(0, SECTOR)).toEqual(bytes('new', SECTOR));
    expect(await codeOf(() => one.read(0, into))).toBe('INVALID_ARGUMENT');
    await device.close();
  });

  it('replaces the table of an active device, under load', async () => {
    const disks = { one: new LaterDevice(disk(16, 'one')), two: new LaterDevice(disk(16, 'two')) };
    const shared = bytes('shared', 16 * SECTOR);
    for (const below of Object.values(disks)) await below.write(0, shared);
    const open: string[] = [];
    const device = await MappedDevice.create({
      name: 'm',
      table: parseTable('0 16 linear one 0'),
      openDevice: async (name) => {
        open.push(name);
        return new LaterDevice(new MemoryDevice(shared.slice(), { name }));
      },
    });
    let done = false;
    const readers = Array.from({ length: 8 }, async (_, index) => {
      let count = 0;
      while (!done) {
        const into = new Uint8Array(2 * SECTOR);
        await device.read(index * SECTOR, into);
        expect(into).toEqual(shared.slice(index * SECTOR, (index + 2) * SECTOR));
        count++;
      }
      return count;
    });
    for (let round = 0; round < 10; round++) {
      await device.load(
        parseTable(round % 2 === 0 ? '0 8 linear two 0\n8 8 linear one 8' : '0 16 linear one 0'),
      );
      await device.resume();
    }
    done = true;
    for (const count of await Promise.all(readers)) expect(count).toBeGreaterThan(0);
    expect(open).toEqual(['one', 'two', 'two', 'two', 'two', 'two']);
    await device.close();
  });

  it('leaves everything as it was when a load fails', async () => {
    const below = disk(16);
    const device = await create('0 16 linear disk 0', { disk: below });
    expect(await codeOf(device.load(parseTable('0 16 linear nope 0')))).toBe('NO_SUCH_DEVICE');
    expect(await codeOf(device.load(parseTable('0 8 linear disk 0\n8 9 linear disk 8')))).toBe(
      'DEVICE_TOO_SMALL',
    );
    expect(device.info).toMatchObject({
      state: 'active',
      tables: { live: true, inactive: false },
      targetCount: 1,
    });
    sectorOf(device, 15);
    await device.load(parseTable('0 8 zero'));
    await device.clear();
    await device.resume();
    expect(device.size).toBe(16 * SECTOR);
    await device.close();
  });

  it('stays suspended when a target of the new table cannot go on', async () => {
    const stubborn = { may: false };
    const type: TargetType = {
      name: 'stubborn',
      version: [1, 0, 0],
      async construct(line, context) {
        const target = await targetTypes.get('zero')!.construct(line, context);
        return Object.assign(target, {
          preresume() {
            if (!stubborn.may) throw new TscryptError('NO_SUCH_OBJECT', 'not yet', { errno: 'EAGAIN' });
          },
        });
      },
    };
    const types = new Map([...targetTypes, [type.name, type]]);
    const below = disk(16);
    const device = await create('0 16 linear disk 0', { disk: below }, { targetTypes: types });
    await device.load(parseTable('0 8 stubborn'));
    expect(await failureOf(device.resume())).toMatchObject({ errno: 'EAGAIN' });
    expect(device.info).toMatchObject({ state: 'suspended', targetCount: 1, tables: { inactive: false } });
    expect(device.size).toBe(8 * SECTOR);
    expect(await codeOf(() => below.flush())).toBe('INVALID_ARGUMENT');
    stubborn.may = true;
    await device.resume();
    expect(sectorOf(device, 0)).toEqual(new Uint8Array(SECTOR));
    await device.close();
  });
});

describe('life and names', () => {
  it('counts openings, and is busy while there are any', async () => {
    const below = disk(16);
    const device = await create('0 16 linear disk 0', { disk: below });
    const [one, two] = [device.open(), device.open()];
    expect(device.info.openCount).toBe(2);
    expect(sectorOf(one, 1)).toEqual(below.content.slice(SECTOR, 2 * SECTOR));
    expect(await codeOf(device.close())).toBe('DEVICE_BUSY');
    await one.close();
    await one.close();
    expect(device.info.openCount).toBe(1);
    expect(await codeOf(() => one.read(0, new Uint8Array(SECTOR)))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(device.close())).toBe('DEVICE_BUSY');
    await two.close();
    await device.close();
    await device.close();
    expect(await codeOf(() => device.read(0, new Uint8Array(SECTOR)))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => below.flush())).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => device.open())).toBe('INVALID_ARGUMENT');
    expect(await codeOf(device.resume())).toBe('INVALID_ARGUMENT');
  });

  it('ends requests under way before it closes, and flushes', async () => {
    const fault = await FaultDevice.over(disk(16));
    const device = await create('0 16 linear disk 0', { disk: new LaterDevice(fault) });
    const write = device.write(0, bytes('last', SECTOR));
    await device.close();
    await write;
    expect(fault.log.map(({ kind }) => kind)).toEqual(['write', 'flush']);
  });

  it('closes what it opened even when the last flush fails, and says so', async () => {
    const memory = disk(16);
    const fault = await FaultDevice.over(memory);
    const device = await create('0 16 linear disk 0', { disk: fault });
    fault.fail({ kind: 'flush' });
    expect(await codeOf(device.close())).toBe('IO_ERROR');
    expect(await codeOf(() => memory.flush())).toBe('INVALID_ARGUMENT');
  });

  it('works without a table, and takes one later', async () => {
    const device = await MappedDevice.create({ name: 'm', openDevice: opener({}) });
    expect(device.size).toBe(0);
    expect(device.status()).toEqual([]);
    expect(device.table()).toEqual([]);
    expect(device.info).toMatchObject({ state: 'active', tables: { live: false, inactive: false } });
    expect(await failureOf(() => device.read(0, new Uint8Array(SECTOR)))).toMatchObject({ errno: 'EIO' });
    await device.resume();
    await device.suspend();
    await device.load(parseTable('0 8 zero'));
    await device.resume();
    expect(sectorOf(device, 7)).toEqual(new Uint8Array(SECTOR));
    await device.close();
  });

  it('stacks: a mapped device may use another, which is busy then', async () => {
    const below = disk(64);
    const inner = await create(
      `0 64 crypt aes-xts-plain64 ${XTS_KEY} 0 disk 0`,
      { disk: below },
      { name: 'inner' },
    );
    const outer = await MappedDevice.create({
      name: 'outer',
      table: parseTable(`0 32 crypt aes-cbc-plain64 ${XTS_KEY.slice(0, 64)} 0 inner 8`),
      openDevice: async () => inner.open(),
    });
    const data = bytes('stacked', 32 * SECTOR);
    expect(outer.write(0, data)).toBeUndefined();
    const back = new Uint8Array(data.length);
    expect(outer.read(0, back)).toBeUndefined();
    expect(back).toEqual(data);
    expect(await codeOf(inner.close())).toBe('DEVICE_BUSY');
    await outer.close();
    await inner.close();
  });

  it('has a name and a UUID that raise the event number when they change', async () => {
    const device = await create('0 8 zero');
    expect(device.info).toMatchObject({ name: 'm', uuid: undefined, eventNumber: 0 });
    await device.rename('n');
    await device.setUuid('CRYPT-1');
    expect(device.info).toMatchObject({ name: 'n', uuid: 'CRYPT-1', eventNumber: 2 });
    expect(await codeOf(device.setUuid('CRYPT-2'))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(device.rename('a/b'))).toBe('INVALID_ARGUMENT');
    await device.suspend();
    await device.resume();
    expect(device.info.eventNumber).toBe(2);
    await device.close();
    for (const name of ['', 'control', '..', 'a/b', 'x'.repeat(128), 'é'.repeat(64)]) {
      expect(await codeOf(create('0 8 zero', {}, { name }))).toBe('INVALID_ARGUMENT');
    }
    expect(await codeOf(create('0 8 zero', {}, { uuid: 'x'.repeat(129) }))).toBe('INVALID_ARGUMENT');
    for (const name of ['x'.repeat(127), 'sp ace', 'control2'])
      await (await create('0 8 zero', {}, { name })).close();
  });

  it('passes messages to the target at a sector', async () => {
    const device = await create('0 8 zero\n8 8 zero');
    for (const [sector, words] of [
      [0, ['hello']],
      [16, ['hello']],
      [-1, ['hello']],
      [0, []],
      [0, ['@nonesuch']],
    ] as const) {
      expect(await codeOf(device.message(sector, words))).toBe('INVALID_ARGUMENT');
    }
    await device.close();
  });
});

const SECTORS = 4096;
for (const [name, table] of Object.entries({
  'linear lines': `0 777 linear a 8\n777 1271 linear b 8\n2048 2048 linear a 2048`,
  'a crypt line': `0 4096 crypt aes-xts-plain64 ${XTS_KEY} 0 a 8 1 allow_discards`,
  'a crypt line of 4 KiB sectors': `0 4096 crypt aes-xts-plain64 ${XTS_KEY} 0 a 8 1 sector_size:4096`,
  'crypt and linear lines': `0 1000 crypt aes-xts-plain64 ${XTS_KEY} 0 a 8\n1000 3096 linear b 9`,
})) {
  for (const later of [false, true]) {
    const disks = { a: new Uint8Array((SECTORS + 8) * SECTOR), b: new Uint8Array((SECTORS + 8) * SECTOR) };
    const open = (options: { readonly readOnly?: boolean } = {}) =>
      MappedDevice.create({
        ...options,
        name: 'm',
        table: parseTable(table),
        openDevice: async (disk, { readOnly }) => {
          const memory = new MemoryDevice(disks[disk as 'a' | 'b'], { readOnly });
          return later ? new LaterDevice(memory) : memory;
        },
      });
    const over = later ? ', over slow disks' : '';
    blockDeviceSuite(`a mapped device of ${name}${over}`, { create: () => open(), reopen: open });
  }
}
