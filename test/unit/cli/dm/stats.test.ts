import { beforeEach, describe, expect, it } from 'vitest';
import { formatBound, parseBounds, regionBounds } from '../../../../src/cli/dm/stats/bounds.ts';
import { createRegions, createRequest } from '../../../../src/cli/dm/stats/create.ts';
import { deleteRegions, deleteRequest } from '../../../../src/cli/dm/stats/delete.ts';
import type { StatsDevice } from '../../../../src/cli/dm/stats/device.ts';
import {
  groupRegions,
  groupRequest,
  ungroupRegions,
  ungroupRequest,
} from '../../../../src/cli/dm/stats/group.ts';
import { regionSelection, type StatsOptions } from '../../../../src/cli/dm/stats/options.ts';
import { clearRegions, printRegions } from '../../../../src/cli/dm/stats/print.ts';
import { formatRegionList, parseRegionList } from '../../../../src/cli/dm/stats/region-list.ts';
import { formatAuxData, parseRegions } from '../../../../src/cli/dm/stats/regions.ts';
import { sectorsOf } from '../../../../src/cli/dm/stats/sizes.ts';
import { TscryptError } from '../../../../src/errors.ts';
import { Said, statsDevice } from './stats-support.ts';

const ZERO = ' 0 0 0 0 0 0 0 0 0 0 0 0 0';

/** The message of the refusal that `action` is. */
function refusalOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof TscryptError && error.code === 'INVALID_ARGUMENT') return error.message;
    throw error;
  }
}

describe('arguments of stats', () => {
  it.each([
    ['1', 1n],
    ['512b', 1n],
    ['513b', 1n],
    ['3S', 3n],
    ['1k', 2n],
    ['1K', 1n],
    ['1m', 2048n],
    ['1M', 1953n],
    ['1g', 2097152n],
    ['1t', 2147483648n],
    ['1E', 1953125000000000n],
    ['0', 0n],
    [' 5', 5n],
  ])('a size of %j is %s sectors', (text, sectors) => {
    expect(sectorsOf(text, 'length')).toBe(sectors);
  });

  it.each(['', '10x', '1.5k', '-5', '1kk', '0x10', '5 ', '1b', '99999999999999e'])('no size: %j', (text) => {
    expect(refusalOf(() => sectorsOf(text, 'areasize'))).toBe(`Invalid areasize argument: "${text}"`);
  });

  it.each([
    ['1', [1n]],
    ['1ns,1us,1ms,1s', [1n, 1000n, 1000000n, 1000000000n]],
    ['10ms,20ms', [10000000n, 20000000n]],
  ])('bounds of %s', (text, bounds) => {
    expect(parseBounds(text)).toEqual(bounds);
  });

  it.each([
    ['5q', 'Invalid character in histogram: q'],
    ['1msx', 'Invalid character in histogram: x'],
    ['1.5ms', 'Invalid character in histogram: .'],
    [' 1', 'Invalid character in histogram:  '],
    ['-1', 'Invalid character in histogram: -'],
    ['1m', 'Invalid character in histogram: m'],
    [',1', 'Empty histogram bin not allowed: ,1'],
    ['', 'Empty histogram bin not allowed: '],
    ['1ms,', 'Empty histogram bin not allowed: 1ms,'],
    ['5ms,3ms', 'Histogram boundaries must be in order of increasing magnitude.'],
    ['5,5', 'Histogram boundaries must be in order of increasing magnitude.'],
    ['0,1', 'Histogram boundaries must be in order of increasing magnitude.'],
  ])('no bounds: %j', (text, message) => {
    expect(refusalOf(() => parseBounds(text))).toBe(message);
  });

  it('bounds finer than a millisecond need precise timestamps', () => {
    expect(regionBounds(parseBounds('1ms,2s'), false)).toEqual({ precise: false, bounds: [1n, 2000n] });
    expect(regionBounds(parseBounds('1ms,2s'), true).bounds).toEqual([1000000n, 2000000000n]);
    expect(regionBounds(parseBounds('1001us'), false)).toEqual({ precise: true, bounds: [1001000n] });
    expect(regionBounds(parseBounds('1000us'), false)).toEqual({ precise: false, bounds: [1n] });
  });

  it('bounds are shown in the largest unit that they are whole numbers of', () => {
    const shown = [0n, 1n, 1000n, 1001n, 20000000n, 2000000000n].map((bound) => formatBound(bound, true));
    expect(shown).toEqual(['0s', '1ns', '1us', '1001ns', '20ms', '2s']);
    expect(formatBound(20000000n, false)).toBe('20000000');
  });

  it.each([
    ['0,1', [0, 1], '0-1'],
    ['3-5', [3, 4, 5], '3-5'],
    ['7,2-3,5,2', [2, 3, 5, 7], '2-3,5,7'],
    [' 4, 5', [4, 5], '4-5'],
    ['0', [0], '0'],
  ])('a list of regions %j', (text, ids, shortest) => {
    expect(parseRegionList(text)).toEqual(ids);
    expect(formatRegionList(ids)).toBe(shortest);
  });

  it.each(['', 'x', '4-', '5-4', '-4', '4--5', '1,,2', '0-4294967295'])('no list of regions: %j', (text) => {
    expect(parseRegionList(text)).toBeUndefined();
  });

  it('regions are read as @stats_list tells them', () => {
    const lines = [
      '0: 0+4096 4096 dmstats DMS_GROUP=seg:0,2-3#- precise_timestamps histogram:10,20\n',
      '2: 18446744073709551610+5 1 - foo bar\n',
      '3: 7+7 8 dmstats DMS_GROUP=a:b:3#hey precise_timestamps\n',
      '4: 0+8 8 dmstats DMS_GROUP=foo histogram:5\n',
    ];
    const regions = parseRegions(lines.join(''));
    expect(regions).toEqual([
      {
        id: 0,
        start: 0n,
        length: 4096n,
        step: 4096n,
        programId: 'dmstats',
        userData: '',
        precise: true,
        bounds: [10n, 20n],
        group: { alias: 'seg', members: [0, 2, 3] },
      },
      {
        id: 2,
        start: 18446744073709551610n,
        length: 5n,
        step: 1n,
        programId: '',
        userData: 'foo bar',
        precise: false,
        bounds: [],
      },
      expect.objectContaining({ userData: 'hey', precise: true, group: { alias: 'a:b', members: [3] } }),
      expect.objectContaining({ userData: 'DMS_GROUP=foo', bounds: [5n] }),
    ]);
    expect(regions.map(formatAuxData)).toEqual([
      'DMS_GROUP=seg:0,2-3#-',
      'foo bar',
      'DMS_GROUP=a:b:3#hey',
      'DMS_GROUP=foo',
    ]);
    expect(() => parseRegions('nonsense\n')).toThrow(TscryptError);
  });
});

describe('commands of stats', () => {
  let device: StatsDevice;
  let said: Said;

  const create = (options: StatsOptions) => createRegions(device, createRequest(options), said);
  const list = () => device.message('@stats_list');
  /** What a command says and whether it worked; nothing said is kept. */
  const outcome = async (done: Promise<boolean>): Promise<unknown[]> => [await done, ...said.lines.splice(0)];

  beforeEach(async () => {
    device = await statsDevice('x', '0 4096 zero\n4096 1000 zero');
    said = new Said();
  });

  it('make regions and say which', async () => {
    const asked: readonly [StatsOptions, string, string][] = [
      [{}, '1', '0+5096 5096 dmstats -'],
      [{ areas: 4 }, '4', '0+5096 1274 dmstats -'],
      [{ areas: 0 }, '1', '0+5096 5096 dmstats -'],
      [{ areas: 7, start: '100', length: '50' }, '7', '100+50 8 dmstats -'],
      [{ areasize: '64k' }, '40', '0+5096 128 dmstats -'],
      [{ areasize: '1m', start: '1k', length: '1M' }, '1', '2+1953 2048 dmstats -'],
      [{ start: '10' }, '1', '10+5096 5096 dmstats -'],
      [{ start: '0', length: '0' }, '1', '0+5096 5096 dmstats -'],
      [{ start: '100000', length: '10' }, '1', '100000+10 10 dmstats -'],
      [{ precise: true }, '1', '0+5096 5096 dmstats - precise_timestamps'],
      [{ bounds: '10ms,20ms' }, '1', '0+5096 5096 dmstats - histogram:10,20'],
      [{ bounds: '10us,20ms' }, '1', '0+5096 5096 dmstats - precise_timestamps histogram:10000,20000000'],
      [{ programid: 'foo', userdata: 'bar' }, '1', '0+5096 5096 foo bar'],
      [{ programid: '7' }, '1', '0+5096 5096 7 -'],
      [{ programid: '', force: true }, '1', '0+5096 5096 - -'],
    ];
    for (const [options, areas, listed] of asked) {
      expect(await outcome(create(options))).toEqual([
        true,
        `x: Created new region with ${areas} area(s) as region ID 0`,
      ]);
      expect(await list()).toBe(`0: ${listed}\n`);
      await device.message('@stats_delete', '0');
    }
    device = await statsDevice('empty', '');
    await create({});
    expect(await list()).toBe('0: 0+1 1 dmstats -\n');
  });

  it('make a region for each target, and a group of them', async () => {
    expect(await outcome(create({ segments: true }))).toEqual([
      true,
      'x: Created new region with 1 area(s) as region ID 0',
      'x: Created new region with 1 area(s) as region ID 1',
      'Grouped regions 0,1 as group ID 0',
    ]);
    expect(await outcome(create({ segments: true, alias: 'seg', userdata: 'hey' }))).toContain(
      'Grouped regions 2,3 as group ID 2 with alias seg',
    );
    expect(await outcome(create({ segments: true, nogroup: true, areas: 3 }))).toHaveLength(3);
    expect(await list()).toBe(
      [
        '0: 0+4096 4096 dmstats DMS_GROUP=:0-1#-',
        '1: 4096+1000 1000 dmstats -',
        '2: 0+4096 4096 dmstats DMS_GROUP=seg:2-3#hey',
        '3: 4096+1000 1000 dmstats hey',
        '4: 0+4096 1366 dmstats -',
        '5: 4096+1000 334 dmstats -',
        '',
      ].join('\n'),
    );
  });

  it('refuse what makes no sense', async () => {
    const refused: readonly [() => unknown, string][] = [
      [() => createRequest({ areas: 2, areasize: '10' }), 'Please specify one of --areas and --areasize.'],
      [() => createRequest({ areas: -1 }), 'Invalid areas argument: "-1"'],
      [() => createRequest({ programid: '' }), 'Creating a region with no program id requires --force.'],
      [() => createRequest({ userdata: 'a b' }), 'Invalid userdata argument: "a b"'],
      [() => createRequest({ alias: 'a b' }), 'Invalid alias argument: "a b"'],
      [() => regionSelection({}), 'Please specify a --regionid or use --allregions.'],
      [
        () => regionSelection({ allregions: true, regionid: 1 }),
        'Please supply one of --allregions and --regionid',
      ],
      [() => groupRequest({}), 'Group requires --regions.'],
      [() => groupRequest({ regions: '1', alias: 'a\tb' }), 'Invalid alias argument: "a\tb"'],
      [() => ungroupRequest({}), 'Please specify group id.'],
      [() => deleteRequest({}), 'Please specify a --regionid or --groupid, or use --allregions.'],
      [() => deleteRequest({ regionid: 1, groupid: 1 }), 'Please use one of --regionid and --groupid.'],
      [
        () => deleteRequest({ allregions: true, groupid: 1 }),
        'Please supply one of --allregions, --regionid and --groupid.',
      ],
    ];
    for (const [action, message] of refused) expect(refusalOf(action)).toBe(message);
    expect(await outcome(create({ start: '18446744073709551615', length: '1' }))).toEqual([
      false,
      '! EINVAL',
      '! x: Could not create statistics region.',
    ]);
  });

  it('print counters and clear them, of one region or all of a program', async () => {
    await create({});
    await create({ areas: 2, programid: 'foo' });
    await create({ areas: 3, length: '10' });
    said.lines.length = 0;
    const print = (options: StatsOptions) =>
      outcome(printRegions(device, regionSelection(options), options.clear ?? false, said));
    const small = [`0+4${ZERO}`, `4+4${ZERO}`, `8+4${ZERO}`];
    expect(await print({ regionid: 2 })).toEqual([true, ...small]);
    expect(await print({ allregions: true })).toEqual([true, `0+5096${ZERO}`, ...small]);
    expect(await print({ allregions: true, clear: true })).toEqual([true, `0+5096${ZERO}`, ...small]);
    expect(await print({ allregions: true, allprograms: true })).toHaveLength(7);
    expect(await print({ allregions: true, programid: 'nobody' })).toEqual([true]);
    expect(await print({ regionid: 9 })).toEqual([false, '! ENOENT', '! Could not print statistics region.']);

    const clear = (options: StatsOptions) => outcome(clearRegions(device, regionSelection(options), said));
    expect(await clear({ regionid: 0 })).toEqual([true]);
    expect(await clear({ allregions: true })).toEqual([true]);
    expect(await clear({ regionid: 1 })).toEqual([false, '! No such region: 1.']);
    expect(await clear({ regionid: 1, allprograms: true })).toEqual([true]);
    expect(await clear({ regionid: 9 })).toEqual([false, '! No such region: 9.']);
  });

  it('clear what was counted, with print --clear as well', async () => {
    const told: string[] = [];
    const counting: StatsDevice = {
      name: 'c',
      targets: async () => [],
      message: async (...words) => {
        told.push(words.join(' '));
        return words[0] === '@stats_list' ? '4: 0+8 8 dmstats -\n' : '0+8 1\n';
      },
    };
    await printRegions(counting, regionSelection({ allregions: true }), true, said);
    await printRegions(counting, regionSelection({ regionid: 4 }), false, said);
    await clearRegions(counting, regionSelection({ regionid: 4 }), said);
    expect(told).toEqual([
      '@stats_list dmstats',
      '@stats_print_clear 4',
      '@stats_list dmstats',
      '@stats_print 4',
      '@stats_list dmstats',
      '@stats_clear 4',
    ]);
  });

  it('put regions into groups and take them apart', async () => {
    await create({});
    await create({ areas: 3 });
    await create({ segments: true, nogroup: true });
    await create({ programid: 'foo' });
    await create({ bounds: '1ms' });
    await create({ bounds: '1ms', precise: true });
    await create({ bounds: '2ms' });
    said.lines.length = 0;
    const group = (regions: string, alias?: string) =>
      outcome(groupRegions(device, groupRequest({ regions, ...(alias && { alias }) }), said));
    const other = await statsDevice('y', '0 8 zero');
    expect(await outcome(groupRegions(other, groupRequest({ regions: '0' }), said))).toEqual([
      false,
      '! Could not create group: no regions found.',
      '! Could not create group on y: 0',
    ]);
    expect(await group('0,1')).toEqual([
      true,
      '! WARNING: region IDs 0 and 1 overlap. Some events will be counted twice.',
      'Grouped regions 0,1 as group ID 0 on x',
    ]);
    expect(await group('2-3', 'foo')).toEqual([true, 'Grouped regions 2-3 as group ID 2 on x']);
    const failing: readonly [string, string][] = [
      ['3', 'Region ID 3 already a member of group ID 2'],
      ['88', 'Invalid region ID: 88'],
      ['4', 'Region ID 4 does not exist'],
      ['x', "Could not parse list: 'x'"],
      ['5,7', 'All region histogram bounds must match exactly'],
    ];
    for (const [regions, why] of failing) {
      expect(await group(regions)).toEqual([false, `! ${why}`, `! Could not create group on x: ${regions}`]);
    }
    expect(await group('5,6')).toEqual([
      true,
      '! WARNING: Grouping regions with different clock resolution: precision may be lost.',
      '! WARNING: region IDs 5 and 6 overlap. Some events will be counted twice.',
      'Grouped regions 5,6 as group ID 5 on x',
    ]);
    const ungroup = (groupid: number) => outcome(ungroupRegions(device, ungroupRequest({ groupid }), said));
    expect(await ungroup(2)).toEqual([true, 'Removed group ID 2 on x']);
    expect(await ungroup(2)).toEqual([
      false,
      '! Group ID 2 does not exist',
      '! Could not delete group 2 on x.',
    ]);
    expect(await ungroup(77)).toEqual([false, '! Invalid group ID: 77', '! Could not delete group 77 on x.']);
    expect(await list()).toContain('2: 0+4096 4096 dmstats -\n');
    expect(await list()).toContain('5: 0+5096 5096 dmstats DMS_GROUP=:5-6#- histogram:1\n');
  });

  it('delete regions, groups, and what remains of them', async () => {
    const remove = (options: StatsOptions) => outcome(deleteRegions(device, deleteRequest(options), said));
    for (let i = 0; i < 6; i++) await create({ userdata: `u${i}` });
    await create({ programid: 'foo' });
    await groupRegions(device, groupRequest({ regions: '0-2', alias: 'a' }), said);
    await groupRegions(device, groupRequest({ regions: '3-5' }), said);
    said.lines.length = 0;
    expect(await remove({ regionid: 1 })).toEqual([true]);
    expect(await list()).toContain('0: 0+5096 5096 dmstats DMS_GROUP=a:0,2#u0\n2: ');
    expect(await remove({ regionid: 0 })).toEqual([true]);
    expect((await list()).split('\n')[0]).toBe('2: 0+5096 5096 dmstats u2');
    expect(await remove({ groupid: 3 })).toEqual([true, 'Deleted statistics group 3.']);
    expect(await remove({ groupid: 3 })).toEqual([
      false,
      '! Invalid group ID: 3',
      '! Could not delete statistics group.',
    ]);
    expect(await remove({ regionid: 6 })).toEqual([
      false,
      '! Region ID 6 does not exist',
      '! Could not delete statistics region',
    ]);
    expect(await remove({ allregions: true })).toEqual([true]);
    expect(await list()).toBe('6: 0+5096 5096 foo -\n');
    expect(await remove({ allregions: true, allprograms: true })).toEqual([true]);
    expect(await list()).toBe('');
    expect(await remove({ regionid: 6 })).toEqual([
      false,
      '! Could not delete region ID 6: no regions found',
      '! Could not delete statistics region',
    ]);
  });
});
