import { beforeEach, describe, expect, it } from 'vitest';
import { FieldCatalogue } from '../../../../src/cli/dm/report/catalogue.ts';
import { Report } from '../../../../src/cli/dm/report/report.ts';
import { type Counters, parseCounters, sumCounters } from '../../../../src/cli/dm/stats/counters.ts';
import type { StatsDevice } from '../../../../src/cli/dm/stats/device.ts';
import { statsSections } from '../../../../src/cli/dm/stats/fields.ts';
import { readObjects } from '../../../../src/cli/dm/stats/objects.ts';
import type { StatsOptions } from '../../../../src/cli/dm/stats/options.ts';
import { listPlan, type ReportPlan, reportPlan } from '../../../../src/cli/dm/stats/report-plan.ts';
import { sizeFormat } from '../../../../src/cli/dm/stats/size-text.ts';
import { TscryptError } from '../../../../src/errors.ts';

/** A device that answers what a device of Linux answered. */
function recorded(
  name: string,
  regions: readonly (readonly [line: string, counters: string])[],
): StatsDevice {
  return {
    name,
    targets: async () => [],
    message: async (message, id) => {
      if (message === '@stats_list') return regions.map(([line]) => `${line}\n`).join('');
      const region = regions.find(([line]) => line.startsWith(`${id}: `));
      return region?.[1] ?? '';
    },
  };
}

/** The lines of a report without blanks at their ends. */
async function lines(
  devices: readonly StatsDevice[],
  { choice, fields }: ReportPlan,
  options: StatsOptions & { readonly fields?: string; readonly aligned?: boolean } = {},
): Promise<string[]> {
  const format = {
    size: sizeFormat(options.units ?? 'h'),
    histogram: { suffix: !options.notimesuffix, padded: !options.noheadings },
  };
  const report = new Report(new FieldCatalogue(statsSections(format)), {
    fields: options.fields ?? fields,
    sort: options.sort ?? '',
    select: options.select ?? '',
    kinds: [],
    layout: {
      aligned: options.aligned ?? true,
      headings: options.aligned ?? true,
      separator: options.aligned === false ? ':' : ' ',
      prefixes: false,
      quoted: true,
      fieldsAsRows: false,
    },
  });
  for (const device of devices) {
    const read = { choice, programId: undefined, counters: 'keep' as const, interval: 1e9 };
    for (const object of await readObjects(device, read)) report.add(object);
  }
  return report
    .text()
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

describe('units of sizes', () => {
  // What dmsetup prints of these numbers of sectors.
  const sizes = [0n, 8000n, 1n, 1999n, 2047n, 2095n, 2096640n, 2097151n, 6755399441055744n];
  it.each([
    ['h', '0 3.91m 512b 999.50k 1023.50k 1.02m 1023.75m 1024.00m 3.00e'],
    ['H', '0 4.10M 512B 1.02M 1.05M 1.07M 1.07G 1.07G 3.46E'],
    ['r', '0 <3.91m 512b 999.50k 1023.50k 1.02m 1023.75m <1024.00m 3.00e'],
    ['s', '0 8000 1 1999 2047 2095 2096640 2097151 6755399441055744'],
    ['b', '0 4096000 512 1023488 1048064 1072640 1073479680 1073741312 3458764513820540928'],
    ['k', '0 4000.00 0.50 999.50 1023.50 1047.50 1048320.00 1048575.50 3377699720527872.00'],
    ['K', '0 4096.00 0.51 1023.49 1048.06 1072.64 1073479.68 1073741.31 3458764513820541.00'],
    ['m', '0 3.91 0.00 0.98 1.00 1.02 1023.75 1024.00 3298534883328.00'],
    ['G', '0 0.00 0.00 0.00 0.00 0.00 1.07 1.07 3458764513.82'],
    ['1.5m', '0 2.60 0.00 0.65 0.67 0.68 682.50 682.67 2199023255552.00'],
  ])('%s', (units, expected) => {
    expect(sizes.map(sizeFormat(units)).join(' ')).toBe(expected);
  });

  it.each(['z', '', '0m', '3', 'm3', '-1k'])('no units: %j', (units) => {
    expect(() => sizeFormat(units)).toThrow(TscryptError);
  });
});

describe('counters', () => {
  it('are nanoseconds whatever a region counts in, and can be summed', () => {
    const precise = parseCounters(
      '0+4 3 1 20 177 1 0 200 59 2 236 237 178 60 0:3:1\n4+4 1 0 4 5 0 0 0 0 0 5 5 5 0 1:0:0\n',
      true,
    );
    const [milliseconds] = parseCounters('0+8 3 1 20 177 1 0 200 59 2 236 237 178 60\n', false);
    expect(precise[0]).toEqual({
      reads: 3,
      readMerges: 1,
      readSectors: 20,
      readTime: 177,
      writes: 1,
      writeMerges: 0,
      writeSectors: 200,
      writeTime: 59,
      inFlight: 2,
      ioTicks: 236,
      queueTicks: 237,
      readTicks: 178,
      writeTicks: 60,
      histogram: [0, 3, 1],
    });
    expect(milliseconds).toEqual({
      ...(precise[0] as Counters),
      readTime: 177e6,
      writeTime: 59e6,
      ioTicks: 236e6,
      queueTicks: 237e6,
      readTicks: 178e6,
      writeTicks: 60e6,
      histogram: [],
    });
    expect(sumCounters(precise)).toMatchObject({
      reads: 4,
      readSectors: 24,
      inFlight: 2,
      histogram: [1, 3, 1],
    });
    expect(() => parseCounters('0+8 1 2 3\n', true)).toThrow(TscryptError);
    expect(() => parseCounters('0+8 1 2 3 4 5 6 7 8 9 10 x 12 13\n', true)).toThrow(TscryptError);
  });
});

describe('list', () => {
  let devices: StatsDevice[];

  beforeEach(() => {
    devices = [
      recorded('long', [
        ['0: 0+10000 5000 foo bar histogram:1,20', ''],
        ['1: 0+10000 6000 dmstats - precise_timestamps histogram:1000,2000000000', ''],
      ]),
      recorded('x', [
        ['0: 0+5096 5096 dmstats -', ''],
        ['1: 0+5096 1699 dmstats -', ''],
        ['2: 0+4096 4096 dmstats DMS_GROUP=seg:2-3#-', ''],
        ['3: 4096+1000 1000 dmstats -', ''],
      ]),
    ];
  });

  it('shows regions and groups', async () => {
    expect(await lines(devices, listPlan({}))).toEqual([
      'Name             GrpID RgID ObjType RgStart RgSize  #Areas ArSize  ProgID',
      'long                 -    0 region        0   4.88m      2   2.44m foo',
      'long                 -    1 region        0   4.88m      2   2.93m dmstats',
      'x                    -    0 region        0   2.49m      1   2.49m dmstats',
      'x                    -    1 region        0   2.49m      3 849.50k dmstats',
      'seg                  2    2 region        0   2.00m      1   2.00m dmstats',
      'seg                  2    3 region    2.00m 500.00k      1 500.00k dmstats',
      'seg                  2  2-3 group         0   2.49m      1   2.49m dmstats',
    ]);
    expect(await lines([], listPlan({}))).toEqual([]);
  });

  it('shows areas too if more is wanted, and regions of one area only as areas', async () => {
    expect(await lines(devices.slice(1), listPlan({ verbose: 1 }))).toEqual([
      'Name             GrpID RgID ObjType RgStart RgSize  #Areas ArID ArStart ArSize  ProgID',
      'x                    -    0 area          0   2.49m      1    0       0   2.49m dmstats',
      'x                    -    1 area          0   2.49m      3    0       0 849.50k dmstats',
      'x                    -    1 area          0   2.49m      3    1 849.50k 849.50k dmstats',
      'x                    -    1 area          0   2.49m      3    2   1.66m 849.50k dmstats',
      'seg                  2    2 area          0   2.00m      1    0       0   2.00m dmstats',
      'seg                  2    3 area      2.00m 500.00k      1    0   2.00m 500.00k dmstats',
      'x                    -    1 region        0   2.49m      3    0       0 849.50k dmstats',
      'seg                  2  2-3 group         0   2.49m      1    0       0   2.49m dmstats',
    ]);
  });

  it.each([
    [{ region: true }, 'region region region region'],
    [{ area: true }, 'area area area area area area'],
    [{ group: true }, 'group'],
    [{ area: true, group: true }, 'area area area area area area group'],
    [{ area: true, region: true }, 'area area area area area area region region region region'],
    [{ area: true, verbose: 1 }, 'area area area area area area region group'],
  ] as const)('shows what is asked for: %j', async (options, types) => {
    const shown = await lines(devices.slice(1), listPlan(options), { fields: 'obj_type', aligned: false });
    expect(shown.join(' ')).toBe(types);
  });

  it('shows histograms', async () => {
    expect(await lines(devices, listPlan({ histogram: true }))).toEqual([
      'Name             GrpID RgID ObjType RgStart RgSize  #Areas ArSize  #Bins     Histogram Bounds',
      'long                 -    0 region        0   4.88m      2   2.44m 3         0s,1ms,20ms',
      'long                 -    1 region        0   4.88m      2   2.93m 3         0s,1us,2s',
      'x                    -    0 region        0   2.49m      1   2.49m 0',
      'x                    -    1 region        0   2.49m      3 849.50k 0',
      'seg                  2    2 region        0   2.00m      1   2.00m 0',
      'seg                  2    3 region    2.00m 500.00k      1 500.00k 0',
      'seg                  2  2-3 group         0   2.49m      1   2.49m 0',
    ]);
    const fields = { fields: 'hist_bounds,hist_ranges', aligned: false };
    expect(await lines(devices.slice(0, 1), listPlan({}), { ...fields, notimesuffix: true })).toEqual([
      '0,1000000,20000000:0-1000000,1000000-20000000,>20000000',
      '0,1000,2000000000:0-1000,1000-2000000000,>2000000000',
    ]);
    expect((await lines(devices.slice(0, 1), listPlan({}), fields))[0]).toBe(
      '0s,1ms,20ms:0s-1ms,1ms-20ms,>20ms',
    );
  });

  it('sorts and selects', async () => {
    const of = (options: StatsOptions) =>
      lines(devices, listPlan({}), { ...options, fields: 'region_id,user_data,precise', aligned: false });
    expect(await of({ select: 'region_len>2m && obj_type=region' })).toEqual([
      '0:bar:0',
      '1::1',
      '0::0',
      '1::0',
    ]);
    expect(await of({ select: 'group_id=2', sort: '-region_start,-region_id' })).toEqual([
      '3::0',
      '2::0',
      '2-3::0',
    ]);
    expect(
      await lines(devices, listPlan({}), { units: 's', fields: 'area_offset,area_len,area_start' }),
    ).toHaveLength(8);
  });
});

describe('report', () => {
  // Counters of Linux, and what dmsetup printed of them.
  const devices = [
    recorded('x', [
      [
        '0: 0+8000 4000 dmstats DMS_GROUP=:0-1#- precise_timestamps histogram:1000000,60000000,1000000000',
        '0+4000 3 1 20 177325312 1 0 200 59601664 0 236914688 236914688 177315072 59599616 0:3:1:0\n' +
          '4000+4000 1 0 4 59665408 1 0 100 59523072 0 119183872 119183872 59662592 59521280 0:2:0:0\n',
      ],
      ['1: 0+8000 8000 dmstats -', '0+8000 3 1 24 180 2 0 300 120 0 300 300 180 120\n'],
    ]),
    recorded('y', [['0: 0+10000 10000 dmstats -', '0+10000 1 0 1000 0 1 0 8 0 0 0 0 0 0\n']]),
  ];

  it('shows rates, sizes and times', async () => {
    expect(await lines(devices, reportPlan({}))).toEqual([
      'Name             GrpID RgID ObjType ArID ArStart ArSize RMrg/s WMrg/s R/s  W/s  RSz/s   WSz/s   AvgRqSz QSize Util% AWait RdAWait WrAWait',
      'x                    0    0 area       0       0  1.95m   1.00   0.00 3.00 1.00  10.00k 100.00k  27.50k  0.24 23.69 59.23   59.11   59.60',
      'x                    0    0 area       1   1.95m  1.95m   0.00   0.00 1.00 1.00   2.00k  50.00k  26.00k  0.12 11.92 59.59   59.67   59.52',
      'x                    0    1 area       0       0  3.91m   1.00   0.00 3.00 2.00  12.00k 150.00k  32.00k  0.30 30.00 60.00   60.00   60.00',
      'x                    0    0 region     0       0  1.95m   1.00   0.00 4.00 2.00  12.00k 150.00k  27.00k  0.36 35.61 59.35   59.25   59.56',
      'x                    0  0-1 group      0       0  7.81m   2.00   0.00 7.00 4.00  24.00k 300.00k  29.00k  0.66 65.61 59.65   59.57   59.78',
      'y                    -    0 area       0       0  4.88m   0.00   0.00 1.00 1.00 500.00k   4.00k 252.00k  0.00  0.00  0.00    0.00    0.00',
    ]);
  });

  it('shows counters', async () => {
    const fields =
      'read_count,reads_merged_count,read_sector_count,read_time,write_count,write_sector_count,write_time,io_ticks,queue_ticks,read_ticks,write_ticks,in_progress_count';
    expect(await lines(devices.slice(1), reportPlan({}), { fields })).toEqual([
      '#Reads #RdMrgs #RdSectors AccRdTime   #Writes #WrSectors AccWrTime   IoTicks QueueTicks RdTicks WrTicks #InProg',
      '     1       0       1000           0       1          8           0       0          0       0       0       0',
    ]);
    const others = { fields: 'throughput,service_time,interval_ns,interval,util,region_id', aligned: false };
    expect((await lines(devices, reportPlan({}), others))[4]).toBe(
      '11.00:59.65:1000000000:1.000000:65.61:0-1',
    );
  });

  it('shows histograms, in numbers or in percent, with or without their times', async () => {
    const region = devices.slice(0, 1);
    const of = async (fields: string, options: StatsOptions = {}): Promise<string | undefined> =>
      (await lines(region, reportPlan({ region: true }), { ...options, fields, aligned: false }))[0];
    expect(await of('hist_count')).toBe('     0     5     1     0');
    expect(await of('hist_count_bounds')).toBe('    0s:     0,   1ms:     5,  60ms:     1,    1s:     0');
    expect(await of('hist_count_ranges')).toBe('0s-1ms:     0,1ms-60ms:   5,60ms-1s:    1,   >1s:     0');
    expect(await of('hist_percent')).toBe('  0.00% 83.33% 16.67%  0.00%');
    expect(await of('hist_percent_bounds')).toBe(
      '    0s:  0.00%,   1ms: 83.33%,  60ms: 16.67%,    1s:  0.00%',
    );
    expect(await of('hist_percent_ranges')).toBe(
      '0s-1ms:  0.00%,1ms-60ms:83.33%,60ms-1s:16.67%,   >1s:  0.00%',
    );
    const plain = { notimesuffix: true } as const;
    expect(await of('hist_count_bounds', plain)).toBe(
      '         0:     0,   1000000:     5,  60000000:     1,1000000000:     0',
    );
    expect(await of('hist_count_ranges', plain)).toBe(
      '0-1000000:      0,1000000-60000000:5,60000000-1000000000:1,>1000000000:    0',
    );
    const bare = { noheadings: true } as const;
    expect(await of('hist_count', bare)).toBe('0:5:1:0');
    expect(await of('hist_count_bounds', bare)).toBe('0s:0:1ms:5:60ms:1:1s:0');
    expect(await of('hist_percent_ranges', bare)).toBe(
      '0s-1ms:0.00%:1ms-60ms:83.33%:60ms-1s:16.67%:>1s:0.00%',
    );
    expect(reportPlan({ histogram: true }).fields).toMatch(/,util,await,hist_count_bounds$/);
    expect(reportPlan({ histogram: true, relative: true }).fields).toMatch(
      /,util,await,hist_percent_bounds$/,
    );
  });

  it('shows ranges of times as wide as they are', async () => {
    const bounds: readonly [string, string, string][] = [
      [
        '1000,2000',
        '0s-1s:      0,1s-2s:      0,   >2s:     0',
        '0-1000000000:   0,1000000000-2000000000:0,>2000000000:    0',
      ],
      [
        '500,1500',
        '0s-500ms:   0,500ms-1500ms:0,>1500ms:    0',
        '0-500000000:    0,500000000-1500000000:0,>1500000000:    0',
      ],
    ];
    for (const [listed, withUnits, without] of bounds) {
      const device = recorded('r', [[`0: 0+8 8 dmstats - histogram:${listed}`, '']]);
      const of = (options: StatsOptions) =>
        lines([device], reportPlan({ region: true }), {
          ...options,
          fields: 'hist_count_ranges',
          aligned: false,
        });
      expect(await of({})).toEqual([withUnits]);
      expect(await of({ notimesuffix: true })).toEqual([without]);
    }
  });

  it('says that a device is busy all the time at most', async () => {
    const busy = recorded('b', [['0: 0+8 8 dmstats -', '0+8 2 0 2 3000 0 0 0 0 0 1640 3000 1640 0\n']]);
    expect(await lines([busy], reportPlan({}), { fields: 'util,queue_size,await', aligned: false })).toEqual([
      '100.00:3.00:1500.00',
    ]);
  });
});
