import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BlockDevice, FaultDevice, MemoryDevice } from '../../../../src/block/index.ts';
import type { MappedDevice } from '../../../../src/dm/index.ts';
import { flakeyTarget } from '../../../../src/dm/targets/flakey/index.ts';
import { Xorshift } from '../../../../src/dm/targets/flakey/random.ts';
import { parseTable, parseTableLine } from '../../../../src/table/index.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { targetSuite } from '../../../suites/target.ts';
import { bytes, codeOf, create, disk, failureOf } from '../support.ts';

const suite = (text: string) => ({
  type: flakeyTarget,
  line: parseTableLine(text)!,
  data: 'kept' as const,
  deviceSize: 5120 * 512,
});

targetSuite('flakey that is up', suite('0 4096 flakey disk 24 1000000 1'));
targetSuite('flakey that never goes down', suite('0 4096 flakey disk 24 1 0'));
targetSuite(
  'flakey that is down and corrupts what nobody asks for',
  suite('0 4096 flakey disk 24 0 1 5 corrupt_bio_byte 1 r 0 4096'),
);

const UP_AND_DOWN = 'disk 0 1 1';
const table = (device: MappedDevice) => device.table()[0]?.args.join(' ');
/** Always down. */
const down = (features: string, below: BlockDevice = disk(64)) =>
  create(`0 64 flakey disk 0 0 60 ${features}`, { disk: below });
/** Where two contents differ, and what is there in the first. */
const differences = (a: Uint8Array, b: Uint8Array) =>
  [...a].flatMap((value, index) => (value === b[index] ? [] : [[index, value]]));

async function fault(): Promise<FaultDevice> {
  return await FaultDevice.over(new MemoryDevice(new Uint8Array(64 * 512).fill(0x55), { name: 'disk' }));
}

describe('the arguments of flakey', () => {
  it.each([
    ['', '2 error_reads error_writes'],
    ['0', '2 error_reads error_writes'],
    ['0 ignored', '2 error_reads error_writes'],
    ['1 drop_writes ignored', '1 drop_writes'],
    ['1 error_reads', '1 error_reads'],
    ['1 Error_Writes', '1 error_writes'],
    ['2 drop_writes error_reads', '2 error_reads drop_writes'],
    ['5 corrupt_bio_byte 1 R 1 0', '5 corrupt_bio_byte 1 r 1 0'],
    ['5 Corrupt_Bio_Byte 4294967295 W 255 4294967295', '5 corrupt_bio_byte 4294967295 w 255 4294967295'],
    ['6 corrupt_bio_byte 1 r 1 0 drop_writes', '6 drop_writes corrupt_bio_byte 1 r 1 0'],
    ['6 corrupt_bio_byte 1 r 1 0 error_writes', '6 error_writes corrupt_bio_byte 1 r 1 0'],
    ['6 corrupt_bio_byte 1 w 1 0 error_reads', '6 error_reads corrupt_bio_byte 1 w 1 0'],
    ['10 corrupt_bio_byte 1 w 1 0 corrupt_bio_byte 2 r 2 0', '5 corrupt_bio_byte 2 r 2 0'],
    ['2 random_read_corrupt 1000000000', '2 random_read_corrupt 1000000000'],
    ['2 random_read_corrupt 0', '2 error_reads error_writes'],
    ['2 random_write_corrupt 0', '2 error_reads error_writes'],
    ['4 random_write_corrupt 5 random_write_corrupt 7', '2 random_write_corrupt 7'],
    ['3 random_write_corrupt 5 drop_writes', '3 drop_writes random_write_corrupt 5'],
    ['3 random_write_corrupt 5 error_writes', '3 error_writes random_write_corrupt 5'],
    [
      '11 random_write_corrupt 6 corrupt_bio_byte 1 r 1 0 random_read_corrupt 5 drop_writes error_reads',
      '11 error_reads drop_writes corrupt_bio_byte 1 r 1 0 random_read_corrupt 5 random_write_corrupt 6',
    ],
  ])('are printed in a fixed order: %s', async (given, printed) => {
    const device = await create(`0 16 flakey ${UP_AND_DOWN} ${given}`, { disk: disk(16) });
    expect(table(device)).toBe(`${UP_AND_DOWN} ${printed}`);
    expect(device.status()[0]?.info).toBe('');
    await device.close();
  });

  it.each([
    ['', 'Invalid argument count'],
    ['disk 0 1', 'Invalid argument count'],
    ['disk x 1 1', 'Invalid device sector'],
    ['disk x x x', 'Invalid device sector'],
    ['disk 0 x 1', 'Invalid up interval'],
    ['disk 0 1 x', 'Invalid up interval'],
    ['disk 0 -1 1', 'Invalid up interval'],
    ['disk 0 1 -1', 'Invalid up interval'],
    ['disk 0 +1 1', 'Invalid up interval'],
    ['disk 0 4294967296 1', 'Invalid up interval'],
    ['disk 0 0 0', 'Total (up + down) interval is zero'],
    ['disk 0 4294967295 1', 'Total (up + down) interval is zero'],
    ['disk 0 2147483648 2147483648', 'Total (up + down) interval is zero'],
    ['disk 0 4294967295 2', 'Interval overflow'],
    ['nope x 1 1', 'Invalid device sector'],
    ['nope 0 0 0', 'Total (up + down) interval is zero'],
    ['nope 0 1 1 1 bogus', 'Unrecognised flakey feature requested'],
    [`${UP_AND_DOWN} x`, 'Invalid number of feature args'],
    [`${UP_AND_DOWN} -1`, 'Invalid number of feature args'],
    [`${UP_AND_DOWN} 1`, 'Invalid number of feature args'],
    [`${UP_AND_DOWN} 2 error_reads`, 'Invalid number of feature args'],
    [`${UP_AND_DOWN} 12${' random_read_corrupt 1'.repeat(6)}`, 'Invalid number of feature args'],
    [`${UP_AND_DOWN} 1 bogus`, 'Unrecognised flakey feature requested'],
    [`${UP_AND_DOWN} 2 error_reads error_reads`, 'Feature error_reads duplicated'],
    [`${UP_AND_DOWN} 2 error_writes error_writes`, 'Feature error_writes duplicated'],
    [`${UP_AND_DOWN} 2 drop_writes drop_writes`, 'Feature drop_writes duplicated'],
    [`${UP_AND_DOWN} 2 drop_writes error_writes`, 'Feature error_writes conflicts with feature drop_writes'],
    [`${UP_AND_DOWN} 2 error_writes drop_writes`, 'Feature drop_writes conflicts with feature error_writes'],
    [
      `${UP_AND_DOWN} 3 drop_writes error_writes bogus`,
      'Feature error_writes conflicts with feature drop_writes',
    ],
    [`${UP_AND_DOWN} 1 corrupt_bio_byte`, 'Feature corrupt_bio_byte requires parameters'],
    [`${UP_AND_DOWN} 1 corrupt_bio_byte 1 r 1 0`, 'Feature corrupt_bio_byte requires parameters'],
    [`${UP_AND_DOWN} 2 corrupt_bio_byte 1`, 'Invalid corrupt bio direction (r or w)'],
    [`${UP_AND_DOWN} 5 corrupt_bio_byte 1 x 1 0`, 'Invalid corrupt bio direction (r or w)'],
    [`${UP_AND_DOWN} 5 corrupt_bio_byte 1 rw 1 0`, 'Invalid corrupt bio direction (r or w)'],
    [`${UP_AND_DOWN} 5 corrupt_bio_byte 0 r 1 0`, 'Invalid corrupt bio byte'],
    [`${UP_AND_DOWN} 5 corrupt_bio_byte 4294967296 r 1 0`, 'Invalid corrupt bio byte'],
    [`${UP_AND_DOWN} 3 corrupt_bio_byte 1 r`, 'Invalid corrupt value to write into bio byte (0-255)'],
    [`${UP_AND_DOWN} 5 corrupt_bio_byte 1 r 256 0`, 'Invalid corrupt value to write into bio byte (0-255)'],
    [`${UP_AND_DOWN} 4 corrupt_bio_byte 1 r 1`, 'Invalid corrupt bio flags mask'],
    [`${UP_AND_DOWN} 5 corrupt_bio_byte 1 r 1 0x20`, 'Invalid corrupt bio flags mask'],
    [`${UP_AND_DOWN} 3 corrupt_bio_byte 1 r 1 0`, 'Insufficient feature arguments'],
    [`${UP_AND_DOWN} 4 corrupt_bio_byte 1 r 1 0 error_reads`, 'Insufficient feature arguments'],
    [`${UP_AND_DOWN} 3 corrupt_bio_byte 1 r 1 0 x`, 'Unrecognised flakey feature requested'],
    [`${UP_AND_DOWN} 1 random_read_corrupt`, 'Feature random_read_corrupt requires a parameter'],
    [`${UP_AND_DOWN} 1 random_write_corrupt 7`, 'Feature random_write_corrupt requires a parameter'],
    [`${UP_AND_DOWN} 2 random_read_corrupt 1000000001`, 'Invalid random corrupt argument'],
    [`${UP_AND_DOWN} 2 random_write_corrupt x`, 'Invalid random corrupt argument'],
    [
      `${UP_AND_DOWN} 6 drop_writes corrupt_bio_byte 1 w 1 0`,
      'drop_writes is incompatible with corrupt_bio_byte with the WRITE flag set',
    ],
    [
      `${UP_AND_DOWN} 6 corrupt_bio_byte 1 w 1 0 error_writes`,
      'error_writes is incompatible with corrupt_bio_byte with the WRITE flag set',
    ],
    [`${UP_AND_DOWN} 7 corrupt_bio_byte 1 w 1 0 error_writes bogus`, 'Unrecognised flakey feature requested'],
  ])('are refused as Linux refuses them: %s', async (args, text) => {
    expect(await failureOf(create(`0 16 flakey ${args}`, { disk: disk(16) }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      errno: 'EINVAL',
      message: `flakey: ${text}`,
    });
  });

  it('name a device that exists and is large enough', async () => {
    const error = await failureOf(create('0 16 flakey nope 0 1 1'));
    expect(error).toMatchObject({ code: 'NO_SUCH_DEVICE', errno: 'ENOENT' });
    expect(error?.message).toMatch(/^flakey: Device lookup failed/);
    expect(await codeOf(create('0 16 flakey disk 1 1 1', { disk: disk(16) }))).toBe('DEVICE_TOO_SMALL');
  });
});

describe('the intervals of flakey', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    // Neither the process nor the clock began when the table was loaded.
    vi.advanceTimersByTime(1_234_700);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('alternate from the moment the table is loaded, whatever happens to the device', async () => {
    const device = await create('0 16 flakey disk 0 2 3', { disk: disk(16) });
    const readable = () => codeOf(() => device.read(0, new Uint8Array(512)));
    const seen: string[] = [];
    for (let half = 0; half < 24; half++) {
      seen.push((await readable()) === undefined ? 'u' : 'D');
      if (half === 5) {
        await device.suspend({ flush: false });
        await device.resume();
      }
      vi.advanceTimersByTime(500);
    }
    expect(seen.join('')).toBe('uuuuDDDDDDuuuuDDDDDDuuuu');
    vi.advanceTimersByTime(5_000 * 1_000_000);
    expect(await readable()).toBe('IO_ERROR');
  });

  it('begin when the table is loaded, not when it becomes live', async () => {
    const devices = { disk: disk(16) };
    const device = await create('0 16 linear disk 0', devices);
    await device.load(parseTable('0 16 flakey disk 0 1 1'));
    vi.advanceTimersByTime(1000);
    await device.resume();
    expect(await codeOf(() => device.read(0, new Uint8Array(512)))).toBe('IO_ERROR');
  });

  it('treat a request by the state it was made in', async () => {
    const later = new LaterDevice(disk(16));
    const device = await create('0 16 flakey disk 0 1 1 5 corrupt_bio_byte 1 r 7 0', { disk: later });
    later.hold();
    const [early, late] = [new Uint8Array(512), new Uint8Array(512)];
    const first = device.read(0, early);
    vi.advanceTimersByTime(1000);
    const second = device.read(0, late);
    vi.advanceTimersByTime(1000);
    later.release();
    await Promise.all([first, second]);
    const stored = bytes('disk', 512);
    expect(early).toEqual(stored);
    expect(differences(late, stored)).toEqual([[0, 7]]);
  });
});

describe('flakey that is down', () => {
  const requests: Record<string, (device: MappedDevice) => void | Promise<void>> = {
    read: (device) => device.read(0, new Uint8Array(512)),
    write: (device) => device.write(512, bytes('new', 512)),
    flush: (device) => device.flush(),
    discard: (device) => device.discard(1024, 512),
    writeZeroes: (device) => device.writeZeroes(1536, 512, { fua: true }),
  };
  const inLog = ['write', 'flush', 'discard', 'writeZeroes'];

  it.each([
    ['', { fails: ['read', 'write', 'flush', 'discard', 'writeZeroes'], arrives: [] }],
    ['1 error_reads', { fails: ['read'], arrives: inLog }],
    ['1 error_writes', { fails: ['write', 'flush', 'discard', 'writeZeroes'], arrives: [] }],
    ['1 drop_writes', { fails: [], arrives: [] }],
    ['2 error_reads drop_writes', { fails: ['read'], arrives: [] }],
    ['5 corrupt_bio_byte 1 r 1 0', { fails: [], arrives: inLog }],
    ['2 random_read_corrupt 1', { fails: [], arrives: inLog }],
    ['6 error_writes corrupt_bio_byte 1 r 1 0', { fails: inLog, arrives: [] }],
    ['3 error_writes random_write_corrupt 1000000000', { fails: inLog, arrives: [] }],
    ['3 drop_writes random_write_corrupt 1000000000', { fails: [], arrives: [] }],
  ])('fails, drops or passes each kind of request: %s', async (features, { fails, arrives }) => {
    for (const later of [false, true]) {
      const below = await fault();
      const device = await down(features, later ? new LaterDevice(below) : below);
      const failed: string[] = [];
      for (const [kind, request] of Object.entries(requests)) {
        const error = await failureOf(() => request(device));
        if (error) expect(error).toMatchObject({ code: 'IO_ERROR', errno: 'EIO' });
        if (error) failed.push(kind);
      }
      expect(failed).toEqual(fails);
      expect(below.log.map(({ kind }) => kind)).toEqual(arrives);
    }
  });

  it('changes one byte of each read', async () => {
    for (const later of [false, true]) {
      const below = await fault();
      const device = await down('5 corrupt_bio_byte 600 r 170 0', later ? new LaterDevice(below) : below);
      const stored = new Uint8Array(4096).fill(0x55);
      const into = new Uint8Array(4096);
      await device.read(0, into);
      expect(differences(into, stored)).toEqual([[599, 170]]);
      await device.read(4096, into);
      expect(differences(into, stored)).toEqual([[599, 170]]);
      const short = new Uint8Array(512);
      await device.read(0, short);
      expect(short).toEqual(stored.subarray(0, 512));
      await below.read(0, into);
      expect(into).toEqual(stored);
    }
  });

  it('changes the last byte of a read, and none behind it', async () => {
    for (const [nth, last] of [
      [511, 0x55],
      [512, 170],
      [513, 0x55],
    ] as const) {
      const device = await down(`5 corrupt_bio_byte ${nth} r 170 0`, await fault());
      const into = new Uint8Array(1024);
      await device.read(0, into.subarray(0, 512));
      expect([nth, into[511], into[512]]).toEqual([nth, last, 0]);
    }
  });

  it('counts the byte in each piece that a request is split into', async () => {
    const [a, b] = [await fault(), await fault()];
    const device = await create(
      '0 4 flakey a 0 0 1 5 corrupt_bio_byte 2 r 1 0\n4 4 flakey b 0 0 1 5 corrupt_bio_byte 3 r 2 0',
      { a, b: new LaterDevice(b, { limits: { maxIoSize: 1024 } }) },
    );
    const into = new Uint8Array(8 * 512);
    await device.read(0, into);
    expect(differences(into, new Uint8Array(8 * 512).fill(0x55))).toEqual([
      [1, 1],
      [2050, 2],
      [3074, 2],
    ]);
  });

  it('does not corrupt a read that failed', async () => {
    const below = await fault();
    below.fail({ kind: 'read', errno: 'ENODATA' });
    const device = await down('5 corrupt_bio_byte 1 r 170 0', new LaterDevice(below));
    const into = new Uint8Array(512);
    expect(await failureOf(() => device.read(0, into))).toMatchObject({ errno: 'ENODATA' });
    expect(into).toEqual(new Uint8Array(512));
  });

  it.each([
    ['0', true],
    ['1', false],
    ['2048', true],
    ['32768', false],
    ['131072', false],
    ['4096', false],
    ['4294967295', false],
  ])('compares the flags with those of a read: %s', async (flags, changed) => {
    const device = await down(`5 corrupt_bio_byte 1 r 170 ${flags}`, await fault());
    const into = new Uint8Array(512);
    await device.read(0, into);
    expect(into[0]).toBe(changed ? 170 : 0x55);
  });

  it.each([
    ['0', ['write', 'fua', 'zeroes', 'zeroesFua']],
    ['1', ['write', 'fua', 'zeroes', 'zeroesFua']],
    ['2048', ['write', 'fua', 'zeroes', 'zeroesFua']],
    ['32768', ['write', 'fua']],
    ['34817', ['write', 'fua']],
    ['131072', ['fua', 'zeroesFua']],
    ['4096', []],
    ['262144', []],
    ['4294967295', []],
  ])('compares the flags with those of a write: %s', async (flags, changed) => {
    const below = await fault();
    const device = await down(`5 corrupt_bio_byte 1 w 170 ${flags}`, below);
    await device.write(0, new Uint8Array(512));
    await device.write(512, new Uint8Array(512), { fua: true });
    await device.writeZeroes(1024, 512);
    await device.writeZeroes(1536, 512, { fua: true });
    const found = new Uint8Array(2048);
    await below.read(0, found);
    const names = ['write', 'fua', 'zeroes', 'zeroesFua'];
    expect(names.filter((_, index) => found[index * 512] === 170)).toEqual(changed);
  });

  it('changes one byte of each write, and nothing of a buffer that is not given up', async () => {
    const below = await fault();
    const device = await down('5 corrupt_bio_byte 600 w 170 0', below);
    const given = bytes('given', 4096);
    const kept = given.slice();
    await device.write(0, given, { fua: true });
    expect(given).toEqual(kept);
    expect(below.log.at(-1)).toMatchObject({ kind: 'write', fua: true });
    const found = new Uint8Array(4096);
    await below.read(0, found);
    expect(differences(found, kept)).toEqual([[599, 170]]);

    await device.write(0, given, { mayClobber: true });
    expect(differences(given, kept)).toEqual([[599, 170]]);

    await device.write(4096, kept.subarray(0, 512));
    await below.read(4096, found);
    expect(found.subarray(0, 512)).toEqual(kept.subarray(0, 512));
  });

  it('writes zeroes with a byte changed in every MiB', async () => {
    const below = new MemoryDevice(3 << 20);
    below.content.fill(0x55);
    const device = await create('0 6144 flakey disk 0 0 1 5 corrupt_bio_byte 2 w 9 0', { disk: below });
    await device.writeZeroes(512, (3 << 20) - 1024);
    const expected = new Uint8Array(3 << 20);
    for (const at of [0, 1 << 20, 2 << 20]) expected[512 + at + 1] = 9;
    expected.fill(0x55, 0, 512);
    expected.fill(0x55, (3 << 20) - 512);
    expect(Buffer.compare(below.content, expected)).toBe(0);
  });

  it('does not promise zeroes to be fast where they may be data', async () => {
    const fast = (features: string) => create(`0 16 flakey disk 0 1 1 ${features}`, { disk: disk(16) });
    expect((await fast('')).features.fastZeroes).toBe(true);
    expect((await fast('2 random_read_corrupt 1')).features.fastZeroes).toBe(true);
    for (const features of ['5 corrupt_bio_byte 1 w 1 0', '2 random_write_corrupt 1']) {
      const device = await fast(features);
      expect(device.features.fastZeroes).toBe(false);
      expect(await codeOf(() => device.writeZeroes(0, 512, { fast: true }))).toBe('NOT_SUPPORTED');
    }
  });

  it('changes a byte of every read, or write, somewhere, when that is certain', async () => {
    const below = await fault();
    const device = await down('4 random_read_corrupt 1000000000 random_write_corrupt 1000000000', below);
    const places = new Set<number>();
    const original = bytes('original', 512);
    for (let i = 0; i < 64; i++) {
      await device.write(0, original);
      const stored = new Uint8Array(512);
      await below.read(0, stored);
      const changed = differences(stored, original);
      expect(changed.length).toBeLessThanOrEqual(1);
      for (const [at] of changed) places.add(at!);
      const into = new Uint8Array(512);
      await device.read(0, into);
      expect(differences(into, stored).length).toBeLessThanOrEqual(1);
    }
    expect(places.size).toBeGreaterThan(32);
  });

  it('changes about as many requests as the probability says', async () => {
    const device = await down('2 random_read_corrupt 250000000', await fault());
    let changed = 0;
    for (let i = 0; i < 2000; i++) {
      const into = new Uint8Array(512);
      await device.read(0, into);
      if (differences(into, new Uint8Array(512).fill(0x55)).length > 0) changed++;
    }
    expect(changed).toBeGreaterThan(400);
    expect(changed).toBeLessThan(600);
  });

  it('is the same in every run, and another one at another place', async () => {
    const content = async (offset: number) => {
      const device = await create(`0 16 flakey disk ${offset} 0 1 2 random_read_corrupt 1000000000`, {
        disk: new MemoryDevice(64 * 512),
      });
      const all = new Uint8Array(16 * 512);
      for (let at = 0; at < all.length; at += 512) await device.read(at, all.subarray(at, at + 512));
      return Buffer.from(all).toString('hex');
    };
    expect(await content(0)).toBe(await content(0));
    expect(await content(0)).not.toBe(await content(1));
  });

  it('says nothing about what is stored while reads do not show it', async () => {
    const zeroes = () => {
      const memory = new MemoryDevice(16 * 512);
      const holes = async (_: number, length: number) => [{ length, hole: true, zero: true }];
      return Object.assign(new LaterDevice(memory), { extents: holes });
    };
    for (const [features, zero] of [
      ['1 error_reads', false],
      ['5 corrupt_bio_byte 1 r 1 0', false],
      ['2 random_read_corrupt 1', false],
      ['1 error_writes', true],
      ['5 corrupt_bio_byte 1 w 1 0', true],
    ] as const) {
      const device = await create(`0 16 flakey disk 0 0 1 ${features}`, { disk: zeroes() });
      expect(await device.extents(0, 8192)).toEqual([{ length: 8192, hole: zero, zero }]);
    }
    const up = await create('0 16 flakey disk 0 1 0', { disk: zeroes() });
    expect(await up.extents(0, 8192)).toEqual([{ length: 8192, hole: true, zero: true }]);
  });

  it('can be suspended, given another table, and taken away', async () => {
    for (const features of ['', '1 drop_writes']) {
      const below = await fault();
      const device = await down(features, below);
      await device.suspend();
      expect(below.log).toEqual([{ kind: 'flush' }]);
      await device.resume();
      expect(await codeOf(() => device.flush())).toBe(features === '' ? 'IO_ERROR' : undefined);
      expect(below.log).toHaveLength(1);
      await device.load(parseTable('0 64 linear disk 0'));
      await device.resume();
      await device.flush();
      await device.close();
    }
    await (await down('')).close();
  });

  it('fails flushes again after a suspension that did not come about', async () => {
    const below = await fault();
    const device = await down('', below);
    below.fail({ kind: 'flush', errno: 'ENODATA' });
    expect(await failureOf(device.suspend())).toMatchObject({ errno: 'ENODATA' });
    expect(await failureOf(() => device.flush())).toMatchObject({ errno: 'EIO' });
  });
});

describe('the numbers that flakey draws', () => {
  it('stay below their limit and reach all of it', () => {
    const random = new Xorshift(0);
    const seen = Array.from({ length: 4000 }, () => random.below(7));
    expect(new Set(seen)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    for (const seed of [0, 1, 0x9e3779b9, 2 ** 32 + 0x9e3779b9]) {
      const one = new Xorshift(seed);
      expect(new Set(Array.from({ length: 100 }, () => one.below(2 ** 32))).size).toBe(100);
    }
  });
});
