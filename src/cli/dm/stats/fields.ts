import type { FieldKey, FieldSection, FieldValue, ReportField } from '../report/field.ts';
import type { Counters } from './counters.ts';
import {
  type HistogramFormat,
  type HistogramLabels,
  histogramBounds,
  histogramCounts,
  histogramPercents,
  histogramRanges,
} from './histogram-text.ts';
import { METRICS } from './metrics.ts';
import type { StatsObject } from './objects.ts';
import { formatRegionList } from './region-list.ts';
import type { SizeFormat } from './size-text.ts';

/** How values are written. */
export interface StatsFormat {
  readonly size: SizeFormat;
  readonly histogram: HistogramFormat;
}

type Field = ReportField<StatsObject>;

/** The kinds of what the fields of statistics are about. */
export const COUNTER_KIND = 'stats';
export const REGION_KIND = 'region';

/** The fields that only statistics have. */
export function statsSections(format: StatsFormat): readonly FieldSection<StatsObject>[] {
  return [
    {
      title: 'Mapped Device Statistics',
      kind: COUNTER_KIND,
      fields: [...counterFields(), ...metricFields(format), ...histogramFields(format), ...intervalFields()],
    },
    { title: 'Mapped Device Statistics Region Information', kind: REGION_KIND, fields: regionFields(format) },
  ];
}

function counterFields(): Field[] {
  const field = (id: string, heading: string, name: CounterName, help: string, width?: number): Field => ({
    ...{ id, heading, type: 'number', width: width ?? heading.length, help },
    value: ({ counters }) => counters[name],
  });
  const ns = 11;
  return [
    field('read_count', '#Reads', 'reads', 'Reads that ended.'),
    field('reads_merged_count', '#RdMrgs', 'readMerges', 'Reads that went on where the one before ended.'),
    field('read_sector_count', '#RdSectors', 'readSectors', 'Sectors read.'),
    field('read_time', 'AccRdTime', 'readTime', 'What all reads took together (ns).', ns),
    field('write_count', '#Writes', 'writes', 'Writes that ended.'),
    field('writes_merged_count', '#WrMrgs', 'writeMerges', 'Writes that went on where the one before ended.'),
    field('write_sector_count', '#WrSectors', 'writeSectors', 'Sectors written.'),
    field('write_time', 'AccWrTime', 'writeTime', 'What all writes took together (ns).', ns),
    field('in_progress_count', '#InProg', 'inFlight', 'Requests under way.'),
    field('io_ticks', 'IoTicks', 'ioTicks', 'Time in which something was under way (ns).'),
    field('queue_ticks', 'QueueTicks', 'queueTicks', 'That time, times the number of requests (ns).'),
    field('read_ticks', 'RdTicks', 'readTicks', 'Time in which reads were under way (ns).'),
    field('write_ticks', 'WrTicks', 'writeTicks', 'Time in which writes were under way (ns).'),
  ];
}

type CounterName = Exclude<keyof Counters, 'histogram'>;

function metricFields({ size }: StatsFormat): Field[] {
  const number = (id: string, heading: string, metric: keyof typeof METRICS, help: string): Field => ({
    ...{ id, heading, type: 'number', width: heading.length, help },
    value: (object) => fixed(METRICS[metric](object), 2),
  });
  const bytes = (id: string, heading: string, metric: keyof typeof METRICS, help: string): Field => ({
    ...{ id, heading, type: 'size', width: heading.length, help },
    value: (object) => sized(BigInt(Math.trunc(METRICS[metric](object))), size),
  });
  return [
    number('reads_merged_per_sec', 'RMrg/s', 'readMergeRate', 'Reads merged in a second.'),
    number('writes_merged_per_sec', 'WMrg/s', 'writeMergeRate', 'Writes merged in a second.'),
    { ...number('reads_per_sec', 'R/s', 'readRate', 'Reads in a second.'), width: 4 },
    { ...number('writes_per_sec', 'W/s', 'writeRate', 'Writes in a second.'), width: 4 },
    bytes('read_size_per_sec', 'RSz/s', 'readSize', 'What is read in a second.'),
    bytes('write_size_per_sec', 'WSz/s', 'writeSize', 'What is written in a second.'),
    bytes('avg_request_size', 'AvgRqSz', 'requestSize', 'Size of a request, on average.'),
    number('queue_size', 'QSize', 'queueSize', 'Requests under way at a time, on average.'),
    number('await', 'AWait', 'wait', 'What a request takes, on average (ms).'),
    number('read_await', 'RdAWait', 'readWait', 'What a read takes, on average (ms).'),
    number('write_await', 'WrAWait', 'writeWait', 'What a write takes, on average (ms).'),
    number('throughput', 'Throughput', 'throughput', 'Requests in a second.'),
    number('service_time', 'SvcTm', 'serviceTime', 'Time under way for each request (ms).'),
    number('util', 'Util%', 'utilisation', 'Percent of the time in which something was under way.'),
  ];
}

function histogramFields({ histogram }: StatsFormat): Field[] {
  const field = (id: string, percent: boolean, labels: HistogramLabels, help: string): Field => {
    const text = percent ? histogramPercents : histogramCounts;
    const heading = percent ? 'Histogram%' : 'Histogram Counts';
    return {
      ...{ id, heading, type: 'string', width: heading.length, help },
      value: ({ region, counters }) => text(region, counters.histogram, labels, histogram),
    };
  };
  return [
    field('hist_count', false, 'none', 'Requests by how long they took.'),
    field('hist_count_bounds', false, 'bounds', 'The same, each number with the least time.'),
    field('hist_count_ranges', false, 'ranges', 'The same, each number with its range of times.'),
    field('hist_percent', true, 'none', 'Requests by how long they took, in percent.'),
    field('hist_percent_bounds', true, 'bounds', 'The same, each number with the least time.'),
    field('hist_percent_ranges', true, 'ranges', 'The same, each number with its range of times.'),
  ];
}

function intervalFields(): Field[] {
  const type = 'number';
  return [
    {
      ...{ id: 'interval_ns', heading: 'IntervalNs', type, width: 10 },
      help: 'The time that rates are about (ns).',
      value: ({ interval }) => Math.round(interval),
    },
    {
      ...{ id: 'interval', heading: 'Interval', type, width: 8 },
      help: 'The time that rates are about (s).',
      value: ({ interval }) => fixed(interval / 1e9, 6),
    },
  ];
}

function regionFields({ size, histogram: { suffix } }: StatsFormat): Field[] {
  const field = (
    id: string,
    heading: string,
    type: Field['type'],
    help: string,
    value: (object: StatsObject) => FieldValue,
  ): Field => ({ id, heading, type, width: heading.length, help, value });
  const extent = (id: string, heading: string, help: string, of: (object: StatsObject) => bigint): Field =>
    field(id, heading, 'size', help, (object) => sized(of(object), size));
  return [
    field('region_id', 'RgID', 'number', 'Number of the region, or the numbers of a group.', (object) => ({
      text: formatRegionList(object.members),
      key: object.region.id,
    })),
    { ...extent('region_start', 'RgStart', 'Where the region starts.', ({ start }) => start) },
    { ...extent('region_len', 'RgSize', 'Length of the region.', ({ length }) => length), width: 5 },
    field('area_id', 'ArID', 'number', 'Number of the area in its region.', ({ area }) => area),
    extent('area_start', 'ArStart', 'Where the area starts.', ({ areaStart }) => areaStart),
    extent('area_len', 'ArSize', 'Length of the area.', ({ areaLength }) => areaLength),
    extent(
      'area_offset',
      'ArOff',
      'Where the area starts in its region.',
      ({ areaStart, start }) => areaStart - start,
    ),
    field('area_count', '#Areas', 'number', 'Areas of the region.', ({ areaCount }) => areaCount),
    field('group_id', 'GrpID', 'number', 'Number of the group that the region is in.', ({ group }) => ({
      text: group === undefined ? '-' : String(group),
      key: group ?? NO_GROUP,
    })),
    field('program_id', 'ProgID', 'string', 'Program that the region belongs to.', (o) => o.region.programId),
    field(
      'user_data',
      'UserData',
      'string',
      'What the user keeps with the region.',
      (o) => o.region.userData,
    ),
    {
      ...field('precise', 'Precise', 'number', 'Whether times are counted in ns.', (o) =>
        Number(o.region.precise),
      ),
      align: 'left',
    },
    {
      ...field('hist_bins', '#Bins', 'number', 'Numbers of the histogram.', ({ region: { bounds } }) =>
        bounds.length === 0 ? 0 : bounds.length + 1,
      ),
      ...{ align: 'left', width: 9 },
    },
    field(
      'hist_bounds',
      'Histogram Bounds',
      'string',
      'Times at which the numbers of a histogram begin.',
      (o) => histogramBounds(o.region, suffix),
    ),
    field('hist_ranges', 'Histogram Ranges', 'string', 'Ranges of the numbers of a histogram.', (o) =>
      histogramRanges(o.region, suffix),
    ),
    {
      ...field('stats_name', 'Name', 'string', 'Name of the device, or of the group.', ({ name }) => name),
      width: 16,
    },
    field(
      'obj_type',
      'ObjType',
      'string',
      'What the row is about: area, region or group.',
      ({ type }) => type,
    ),
  ];
}

/** Before every group. */
const NO_GROUP = -1;

function sized(sectors: bigint, size: SizeFormat): { text: string; key: FieldKey } {
  return { text: size(sectors), key: sectors };
}

function fixed(value: number, digits: number): { text: string; key: FieldKey } {
  return { text: value.toFixed(digits), key: value };
}
