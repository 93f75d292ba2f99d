import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FaultDevice } from '../../../src/block/index.ts';
import { MappedDevice } from '../../../src/dm/index.ts';
import { StatisticsMemory } from '../../../src/dm/stats/memory.ts';
import { statisticsMessage } from '../../../src/dm/stats/messages.ts';
import { READ } from '../../../src/dm/stats/region.ts';
import { Statistics } from '../../../src/dm/stats/statistics.ts';
import { parseTable } from '../../../src/table/index.ts';
import { LaterDevice } from '../../models/later-device.ts';
import { codeOf, create, disk, failureOf, isSettled, opener } from './support.ts';

const SECTOR = 512;
const sectors = (count: number): Uint8Array => new Uint8Array(count * SECTOR);

const region = (device: MappedDevice, ...words: string[]): Promise<string> =>
  device.message(0, ['@stats_create', ...words]);
const print = (device: MappedDevice, ...words: string[]): Promise<string> =>
  device.message(0, ['@stats_print', ...words]);

/** The counters of an area by what they are called, from its line. */
function counters(line: string) {
  const [place, ...words] = line.trim().split(' ');
  const [reads, readMerges, readSectors, readTime, writes, writeMerges, writeSectors, writeTime, ...others] =
    words.map(Number);
  const [inFlight, busy, weighted, readBusy, writeBusy] = others;
  return {
    place,
    reads: [reads, readMerges, readSectors, readTime],
    writes: [writes, writeMerges, writeSectors, writeTime],
    inFlight,
    busy: [busy, weighted, readBusy, writeBusy],
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A device over one whose requests end when `later.release()` lets them. */
async function held(table = '0 4096 linear disk 0') {
  const later = new LaterDevice(disk(4096));
  const device = await create(table, { disk: later });
  later.hold();
  return { device, later };
}

describe('statistics counters', () => {
  it('count the requests and sectors of each area that a request touches', async () => {
    const device = await create('0 4096 linear disk 0', { disk: disk(4096) });
    await region(device, '100+10', '3');
    const requests = [
      [90, 10, []],
      [90, 11, [0, 1]],
      [90, 30, [0, 3, 1, 3, 2, 3, 3, 1]],
      [104, 30, [1, 2, 2, 3, 3, 1]],
      [109, 1, [3, 1]],
      [110, 1, []],
      [102, 2, [0, 1, 1, 1]],
    ] as const;
    for (const [sector, count, touched] of requests) {
      expect(device.read(sector * SECTOR, sectors(count))).toBeUndefined();
      const lines = (await device.message(0, ['@stats_print_clear', '0'])).trim().split('\n').map(counters);
      const expected = [0, 0, 0, 0];
      for (let i = 0; i < touched.length; i += 2) expected[touched[i] as number] = touched[i + 1] as number;
      expect(lines.map(({ reads }) => reads)).toEqual(expected.map((n) => [n > 0 ? 1 : 0, 0, n, 0]));
      expect(lines.every(({ writes, inFlight }) => inFlight === 0 && writes.every((n) => n === 0))).toBe(
        true,
      );
    }
    await device.close();
  });

  it('count discards and zeroes as writes, and flushes not at all', async () => {
    const device = await create('0 64 linear disk 0', { disk: disk(64) });
    await region(device, '-', '/1');
    device.write(0, sectors(3));
    device.write(8 * SECTOR, sectors(4), { fua: true });
    device.discard(16 * SECTOR, 5 * SECTOR);
    device.writeZeroes(32 * SECTOR, 6 * SECTOR);
    device.flush();
    device.read(0, sectors(0));
    expect(await print(device, '0')).toBe('0+64 0 0 0 0 4 0 18 0 0 0 0 0 0\n');
    await device.close();
  });

  it('call a request merged that goes on where the last one of its direction ended', async () => {
    const device = await create('0 4096 linear disk 0', { disk: disk(4096) });
    await region(device, '-', '/1');
    const steps = [
      ['read', 0, 0],
      ['read', 8, 1],
      ['write', 16, 0],
      ['write', 1, 0],
      ['write', 9, 1],
      ['write', 9, 0],
      ['read', 17, 0],
      ['read', 25, 1],
    ] as const;
    for (const [direction, sector, merged] of steps) {
      device[direction](sector * SECTOR, sectors(8));
      const { reads, writes } = counters(await device.message(0, ['@stats_print_clear', '0']));
      expect([direction, sector, (reads[1] ?? 0) + (writes[1] ?? 0)]).toEqual([direction, sector, merged]);
    }
    await device.close();
  });

  it('count what each target gets, as pieces that follow on each other', async () => {
    const table = '0 1000 linear disk 0\n1000 1000 linear disk 1000\n2000 1000 zero\n3000 1000 error';
    const device = await create(table, { disk: disk(2000) });
    await region(device, '0+4000', '500');
    const areas = async (): Promise<unknown[]> =>
      (await device.message(0, ['@stats_print_clear', '0']))
        .trim()
        .split('\n')
        .map((line) => counters(line).reads.slice(0, 3).join(' '))
        .map((text, area) => [area * 500, text])
        .filter(([, text]) => text !== '0 0 0');
    device.read(990 * SECTOR, sectors(20));
    expect(await areas()).toEqual([
      [500, '1 0 10'],
      [1000, '1 1 10'],
    ]);
    device.read(0, sectors(2000));
    expect(await areas()).toEqual([
      [0, '1 0 500'],
      [500, '1 0 500'],
      [1000, '1 1 500'],
      [1500, '1 1 500'],
    ]);
    // What the error target refuses never began.
    expect(await codeOf(() => device.read(2990 * SECTOR, sectors(20)))).toBe('IO_ERROR');
    expect(await areas()).toEqual([[2500, '1 0 10']]);
    await device.close();
  });

  it('count requests that fail below, with their time', async () => {
    const faulty = await FaultDevice.over(disk(64));
    const later = new LaterDevice(faulty);
    const device = await create('0 64 linear disk 0', { disk: later });
    await region(device, '-', '/1');
    faulty.fail({ kind: 'write' });
    later.hold();
    const done = device.write(56 * SECTOR, sectors(8)) as Promise<void>;
    const code = codeOf(done);
    await isSettled(done);
    vi.advanceTimersByTime(3);
    later.release();
    expect(await code).toBe('IO_ERROR');
    expect(await print(device, '0')).toBe('0+64 0 0 0 0 1 0 8 3 0 3 3 0 3\n');
    await device.close();
  });

  it('measure how long requests take and how many are under way', async () => {
    const { device, later } = await held();
    await region(device, '0+64', '/1');
    await region(device, '0+64', '/2', '1', 'precise_timestamps');
    const first = device.read(0, sectors(8)) as Promise<void>;
    vi.advanceTimersByTime(10);
    const second = device.write(28 * SECTOR, sectors(8)) as Promise<void>;
    vi.advanceTimersByTime(5);
    // 10 ms with one in flight, 5 ms with two; the write's fragments are in flight in both halves.
    expect(await print(device, '0')).toBe('0+64 0 0 0 0 0 0 0 0 2 15 20 15 5\n');
    expect(await print(device, '1')).toBe(
      '0+32 0 0 0 0 0 0 0 0 2 15000000 20000000 15000000 5000000\n' +
        '32+32 0 0 0 0 0 0 0 0 1 5000000 5000000 0 5000000\n',
    );
    await isSettled(second);
    later.release();
    await Promise.all([first, second]);
    expect(await print(device, '0')).toBe('0+64 1 0 8 15 1 0 8 5 0 15 20 15 5\n');
    expect(await print(device, '1')).toBe(
      '0+32 1 0 8 15000000 1 0 4 5000000 0 15000000 20000000 15000000 5000000\n' +
        '32+32 0 0 0 0 1 0 4 5000000 0 5000000 5000000 0 5000000\n',
    );
    await device.close();
  });

  it('sort requests by how long they took, a bound belonging to what is above it', async () => {
    const { device, later } = await held();
    await region(device, '0+64', '/1', '1', 'histogram:10,20');
    await region(device, '0+64', '/1', '2', 'precise_timestamps', 'histogram:10000001,20000000');
    for (const milliseconds of [0, 9, 10, 19, 20, 500]) {
      later.hold();
      const done = device.read(0, sectors(8)) as Promise<void>;
      await isSettled(done);
      vi.advanceTimersByTime(milliseconds);
      later.release();
      await done;
    }
    expect((await print(device, '0')).trim().split(' ').at(-1)).toBe('2:2:2');
    expect((await print(device, '1')).trim().split(' ').at(-1)).toBe('3:1:2');
    await device.message(0, ['@stats_clear', '0']);
    expect((await print(device, '0')).trim().split(' ').at(-1)).toBe('0:0:0');
    await device.close();
  });

  it('keep what is in flight when they are cleared, whole or in part', async () => {
    const { device, later } = await held();
    await region(device, '0+64', '/4');
    const done = device.write(0, sectors(64)) as Promise<void>;
    vi.advanceTimersByTime(7);
    await device.message(0, ['@stats_print_clear', '0', '1', '2']);
    vi.advanceTimersByTime(1);
    const busy = async (): Promise<unknown[]> =>
      (await print(device, '0'))
        .trim()
        .split('\n')
        .map(counters)
        .map(({ inFlight, busy }) => [inFlight, busy[0]]);
    expect(await busy()).toEqual([
      [1, 8],
      [1, 1],
      [1, 1],
      [1, 8],
    ]);
    await device.message(0, ['@stats_clear', '0']);
    expect(await busy()).toEqual(Array(4).fill([1, 0]));
    await isSettled(done);
    later.release();
    await done;
    // The request's own time is counted from when it came.
    expect((await print(device, '0', '0', '1')).trim()).toBe('0+16 0 0 0 0 1 0 16 8 0 0 0 0 0');
    await device.close();
  });

  it('leave out of a region what was under way when it was made, and survive the end of one', async () => {
    const { device, later } = await held();
    await region(device, '-', '/1');
    const early = device.read(0, sectors(8)) as Promise<void>;
    expect(await region(device, '-', '/1')).toBe('1');
    await device.message(0, ['@stats_delete', '0']);
    const late = device.read(64 * SECTOR, sectors(1)) as Promise<void>;
    await isSettled(late);
    later.release();
    await Promise.all([early, late]);
    expect(await print(device, '1')).toBe('0+4096 1 0 1 0 0 0 0 0 0 0 0 0 0\n');
    await device.message(0, ['@stats_delete', '1']);
    expect(device.read(0, sectors(1))).toBeInstanceOf(Promise);
    expect(await region(device, '-', '/1')).toBe('0');
    expect(await print(device, '0')).toBe('0+4096 0 0 0 0 0 0 0 0 0 0 0 0 0\n');
    await device.close();
  });

  it('can be looked at while a suspension waits for what is under way', async () => {
    const { device, later } = await held();
    await region(device, '-', '/1');
    const done = device.read(0, sectors(8)) as Promise<void>;
    const suspended = device.suspend();
    expect(await isSettled(suspended)).toBe(false);
    expect(counters(await print(device, '0')).inFlight).toBe(1);
    later.release();
    await Promise.all([done, suspended]);
    expect(counters(await print(device, '0')).inFlight).toBe(0);
    await device.close();
  });

  it('survive another table', async () => {
    const device = await create('0 64 linear disk 0', { disk: disk(64) });
    await region(device, '-', '/1');
    device.read(0, sectors(8));
    await device.load(parseTable('0 128 zero'));
    await device.resume();
    device.read(0, sectors(4));
    device.read(100 * SECTOR, sectors(4));
    expect(await print(device, '0')).toBe('0+64 2 0 12 0 0 0 0 0 0 0 0 0 0\n');
    expect(await region(device, '-', '/1')).toBe('1');
    expect(await print(device, '1')).toBe('0+128 0 0 0 0 0 0 0 0 0 0 0 0 0\n');
    await device.close();
  });

  it('do not look at requests that wait for a resume until they go on', async () => {
    const device = await MappedDevice.create({
      name: 'm',
      table: parseTable('0 64 linear disk 0'),
      openDevice: opener({ disk: disk(64) }),
    });
    await region(device, '-', '/1');
    await device.suspend();
    const waiting = device.read(0, sectors(8)) as Promise<void>;
    expect(counters(await print(device, '0')).inFlight).toBe(0);
    await device.resume();
    await waiting;
    expect(counters(await print(device, '0')).reads).toEqual([1, 0, 8, 0]);
    await device.close();
  });
});

describe('the memory of statistics', () => {
  const MIB = 1 << 20;

  it('is bounded for all devices together, and given back', async () => {
    const memory = new StatisticsMemory(16 * MIB);
    const one = new Statistics(memory);
    const two = new Statistics(memory);
    const ask = (statistics: Statistics, ...words: string[]): string =>
      statisticsMessage(statistics, words, 1000);
    expect(ask(one, '@stats_create', '0+100000', '1')).toBe('0');
    expect(memory.allocated).toBe(100_000 * 15 * 8);
    const failure = await failureOf(() => ask(two, '@stats_create', '0+100000', '1'));
    expect([failure?.code, failure?.errno]).toEqual(['OUT_OF_MEMORY', 'ENOMEM']);
    expect(two.active).toBe(false);
    expect(ask(two, '@stats_create', '0+1000', '1', '1', 'histogram:1,2')).toBe('0');
    expect(memory.allocated).toBe((100_000 * 15 + 1000 * 18) * 8);
    ask(one, '@stats_delete', '0');
    expect(ask(two, '@stats_create', '0+100000', '1')).toBe('1');
    two.deleteAll();
    expect([memory.allocated, two.active, two.regions.length]).toEqual([0, false, 0]);
  });

  it('has room for a million areas, which cost nothing until they are touched', () => {
    const statistics = new Statistics(new StatisticsMemory(2 ** 40));
    statisticsMessage(statistics, ['@stats_create', '0+1000000', '1'], 1);
    statistics.account(READ, 999_990 * SECTOR, 20 * SECTOR, 0, undefined);
    const text = statisticsMessage(statistics, ['@stats_print', '0'], 1);
    const lines = text.split('\n');
    expect(lines.length).toBe(1_000_001);
    expect(lines.filter((line) => line.includes('+1 1 0 1 ')).map((line) => counters(line).place)).toEqual(
      Array.from({ length: 10 }, (_, i) => `${999_990 + i}+1`),
    );
    statistics.deleteAll();
  });

  it.each([
    [['0+8388609', '1']],
    [['-', '/8388609']],
    [['0+8388608', '1', '1', `histogram:${Array.from({ length: 16 }, (_, i) => i + 1)}`]],
  ])('has a largest number of areas and histograms: %j', async (args) => {
    const statistics = new Statistics(new StatisticsMemory(2 ** 50));
    const failure = await failureOf(() => statisticsMessage(statistics, ['@stats_create', ...args], 8388609));
    expect([failure?.code, failure?.errno]).toEqual(['INVALID_ARGUMENT', 'EOVERFLOW']);
  });

  it('goes with the device', async () => {
    const statistics = new Statistics(new StatisticsMemory(MIB));
    statisticsMessage(statistics, ['@stats_create', '-', '/1'], 8);
    statistics.deleteAll();
    expect(statistics.regions).toEqual([]);
    const device = await create('0 8 zero');
    await region(device, '-', '/1');
    await device.close();
    expect(await codeOf(device.message(0, ['@stats_list']))).toBeDefined();
  });
});
