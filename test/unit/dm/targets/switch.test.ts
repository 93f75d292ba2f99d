import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../../src/block/index.ts';
import { switchTarget } from '../../../../src/dm/targets/switch/index.ts';
import { setRegionMappings } from '../../../../src/dm/targets/switch/mappings.ts';
import { RegionTable } from '../../../../src/dm/targets/switch/region-table.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { targetSuite } from '../../../suites/target.ts';
import { bytes, codeOf, create, disk, failureOf } from '../support.ts';

targetSuite('switch', {
  type: switchTarget,
  line: { start: 0, length: 4100, type: 'switch', args: ['3', '64', '0', 'a', '0', 'b', '8', 'c', '1'] },
  deviceSize: 4108 * 512,
  data: 'kept',
});

const mapped = (table: RegionTable): number[] =>
  Array.from({ length: table.regions }, (_, region) => table.pathOf(region));

function afterwards(words: string, regions = 8, paths = 3): number[] {
  const table = new RegionTable(regions, paths);
  setRegionMappings(table, paths, words.split(' '));
  return mapped(table);
}

describe('region tables', () => {
  it('take the paths in turns at first, however many there are', () => {
    for (const paths of [1, 2, 256, 257, 65536, 65537]) {
      const table = new RegionTable(70000, paths);
      expect([table.pathOf(0), table.pathOf(paths - 1), table.pathOf(69999)]).toEqual([
        0,
        paths - 1,
        69999 % paths,
      ]);
      table.set(5, paths - 1);
      expect(table.pathOf(5)).toBe(paths - 1);
    }
  });

  it('are changed region by region, onwards, and in runs', () => {
    expect(afterwards('0:2')).toEqual([2, 1, 2, 0, 1, 2, 0, 1]);
    expect(afterwards('3:1 :1 :0 7:0')).toEqual([0, 1, 2, 1, 1, 0, 0, 0]);
    expect(afterwards(':2')).toEqual([0, 2, 2, 0, 1, 2, 0, 1]);
    expect(afterwards('0:1 :2 R2,6')).toEqual([1, 2, 1, 2, 1, 2, 1, 2]);
    expect(afterwards('0:1 r1,3')).toEqual([1, 1, 1, 1, 1, 2, 0, 1]);
    expect(afterwards('0:1 R1,0')).toEqual([1, 1, 2, 0, 1, 2, 0, 1]);
    expect(afterwards('00A:2', 16)[10]).toBe(2);
    expect(afterwards('R1,1')).toEqual([0, 0, 2, 0, 1, 2, 0, 1]);
    expect(afterwards('2:0 R3,2 :1')).toEqual([0, 1, 0, 0, 1, 1, 0, 1]);
    // Numbers wrap at 64 bits.
    expect(afterwards('10000000000000002:1')).toEqual([0, 1, 1, 0, 1, 2, 0, 1]);
  });

  it.each([
    ['0:3', 'device: 3 >= 3'],
    ['8:0', 'region number: 8 >= 8'],
    ['7:2 :0', 'region number: 8 >= 8'],
    ['100000000:1', 'region number: 4294967296 >= 8'],
    ['x:1', "argument: 'x:1'"],
    ['0:', "argument: '0:'"],
    ['0', "argument: '0'"],
    ['0x1:1', "argument: '0x1:1'"],
    ['0:1:2', "argument: '0:1:2'"],
    ['0:1 R1', "argument: 'R1'"],
    ['0:1 R1,2,3', "argument: 'R1,2,3'"],
    ['0:1 R2,3', 'cycle length: 1 > 0'],
    ['0:1 R0,1', 'cycle length: 18446744073709551615 > 0'],
    ['5:1 R11111111111111111,1', 'cycle length: 1229782938247303440 > 5'],
    ['5:1 R1,fffffffffffffffb', 'region number: 5 + 18446744073709551611 >= 8'],
    ['ffffffffffffffff:0', 'region number: 18446744073709551615 >= 8'],
    ['::1', "argument: '::1'"],
    ['+1:1', "argument: '+1:1'"],
    ['0:1 :2 R2,7', 'region number: 1 + 7 >= 8'],
  ])('refuse %s', (words, text) => {
    expect(() => afterwards(words)).toThrow(`invalid set_region_mappings ${text}`);
  });

  it('keep what stood before a wrong word', () => {
    const table = new RegionTable(8, 3);
    expect(() => setRegionMappings(table, 3, ['0:2', 'wrong', '1:2'])).toThrow();
    expect(mapped(table)).toEqual([2, 1, 2, 0, 1, 2, 0, 1]);
  });
});

describe('switch', () => {
  it('does what a list of paths says, whatever messages came', async () => {
    const mappings = fc.array(fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 2 })));
    const places = fc.array(fc.tuple(fc.integer({ min: 0, max: 119 }), fc.integer({ min: 1, max: 40 })));
    await fc.assert(
      fc.asyncProperty(mappings, places, async (changes, writes) => {
        const disks = { a: disk(140, 'a'), b: disk(140, 'b'), c: disk(140, 'c') };
        const contents = Object.values(disks).map(({ content }) => content.slice());
        const offsets = [0, 3, 20];
        const device = await create('0 120 switch 3 8 0 a 0 b 3 c 20', disks);
        const paths = Array.from({ length: 15 }, (_, region) => region % 3);
        const words = changes.map(([region, path]) => `${region.toString(16)}:${path}`);
        const valid = changes.every(([region]) => region < 15);
        expect(await codeOf(device.message(0, ['set_region_mappings', ...words]))).toBe(
          valid ? undefined : 'INVALID_ARGUMENT',
        );
        for (const [region, path] of changes) {
          if (region >= 15) break;
          paths[region] = path;
        }
        for (const [index, [sector, count]] of writes.entries()) {
          const length = Math.min(count, 120 - sector);
          const data = bytes(`write ${index}`, length * 512);
          const zero = index % 3 === 2;
          if (zero) await device.writeZeroes(sector * 512, data.length);
          else await device.write(sector * 512, data);
          for (let i = 0; i < length; i++) {
            const path = paths[Math.floor((sector + i) / 8)]!;
            const sectorData = zero ? new Uint8Array(512) : data.subarray(i * 512, (i + 1) * 512);
            contents[path]!.set(sectorData, (offsets[path]! + sector + i) * 512);
          }
        }
        for (const [index, { content }] of Object.values(disks).entries()) {
          expect(Buffer.compare(content, contents[index]!)).toBe(0);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('discards on the path of each region, and flushes every device', async () => {
    const [a, b] = [await FaultDevice.over(disk(64, 'a')), await FaultDevice.over(disk(64, 'b'))];
    const device = await create('0 64 switch 2 8 0 a 0 b 0', { a, b });
    await device.message(0, ['SET_region_mappings', '2:1']);
    await device.discard(2048, 8 * 4096 - 4096);
    await device.flush();
    const discards = (fault: FaultDevice) =>
      fault.log.flatMap((entry) =>
        entry.kind === 'discard' ? [[entry.offset / 512, entry.length / 512]] : [],
      );
    expect(discards(a)).toEqual([
      [4, 4],
      [32, 8],
      [48, 8],
    ]);
    expect(discards(b)).toEqual([
      [8, 24],
      [40, 8],
      [56, 4],
    ]);
    expect([a.log.at(-1)?.kind, b.log.at(-1)?.kind]).toEqual(['flush', 'flush']);
  });

  it.each([
    ['0 64 switch', 'Invalid number of paths'],
    ['0 64 switch 0 8 0', 'Invalid number of paths'],
    ['0 64 switch 2 0 0 a 0 b 0', 'Invalid region size'],
    ['0 64 switch 2 8', 'Invalid number of optional args'],
    ['0 64 switch 2 8 1 x a 0 b 0', 'Invalid number of optional args'],
    ['0 64 switch 2 8 0', 'Incorrect number of path arguments'],
    ['0 64 switch 2 8 0 a 0 b', 'Incorrect number of path arguments'],
    ['0 64 switch 2 8 0 a x b 0', 'Invalid device starting offset'],
    ['0 64 switch 2 8 0 a 0 b -1', 'Invalid device starting offset'],
    ['0 64 switch 2 8 0 a 0 b ++1', 'Invalid device starting offset'],
    ['0 64 switch +2 8 0 a 0 b 0', 'Invalid number of paths'],
    ['0 64 switch 2 +8 0 a 0 b 0', 'Invalid region size'],
    ['0 64 switch 2 4294967296 0 a 0 b 0', 'Invalid region size'],
    ['0 64 switch 2 8 x a 0 b 0', 'Invalid number of optional args'],
    ['0 64 switch 1 8 0 a 0 b 0', 'Incorrect number of path arguments'],
    ['0 64 switch 262141 8 0 a 0', 'Incorrect number of path arguments'],
    ['0 64 switch 262142 8 0 a 0', 'Invalid number of paths'],
  ])('refuses %s', async (line, text) => {
    const failure = await failureOf(create(line, { a: disk(64), b: disk(64) }));
    expect(failure?.message).toBe(`switch: ${text}`);
  });

  it('takes a plus before an offset, and regions larger than itself', async () => {
    const devices = { a: disk(64), b: new MemoryDevice(128 * 512, { logicalBlockSize: 4096 }) };
    const device = await create('0 64 switch 2 4294967295 0 a 00 b +8', devices);
    expect(device.table()[0]?.args.join(' ')).toBe('2 4294967295 0 a 0 b 8');
  });

  it('refuses regions that end inside a block of a device', async () => {
    const devices = { a: disk(64), b: new MemoryDevice(64 * 512, { name: 'b', logicalBlockSize: 4096 }) };
    expect((await failureOf(create('0 64 switch 2 10 0 a 0 b 0', devices)))?.message).toBe(
      'switch: region_size=10 not aligned to h/w logical block size 4096 of b',
    );
  });

  it('says so when there are more regions than memory', async () => {
    const failure = await failureOf(create(`0 ${2 ** 43} switch 1 1 0 a 0`, { a: disk(64) }));
    expect(failure).toMatchObject({ code: 'OUT_OF_MEMORY', errno: 'ENOMEM' });
    expect(failure?.message).toBe('switch: Cannot allocate region table');
  });

  it('leaves requests that are under way where they were sent when a message comes', async () => {
    const [a, b] = [disk(64, 'a'), disk(64, 'b')];
    const later = new LaterDevice(a);
    const device = await create('0 64 switch 2 8 0 a 0 b 0', { a: later, b });
    const data = bytes('data', 512);
    later.hold();
    const first = device.write(0, data);
    await device.message(0, ['set_region_mappings', '0:1']);
    await device.write(512, data);
    later.release();
    await first;
    expect(a.content.slice(0, 512)).toEqual(data);
    expect(a.content.slice(512, 1024)).toEqual(bytes('a', 1024).slice(512));
    expect(b.content.slice(0, 512)).toEqual(bytes('b', 512));
    expect(b.content.slice(512, 1024)).toEqual(data);
  });

  it('refuses messages that it does not know', async () => {
    const device = await create('0 64 switch 2 8 0 a 0 b 0', { a: disk(64), b: disk(64) });
    expect(await codeOf(device.message(0, ['nosuch']))).toBe('INVALID_ARGUMENT');
    expect(await device.message(0, ['set_region_mappings'])).toBe('');
  });
});
