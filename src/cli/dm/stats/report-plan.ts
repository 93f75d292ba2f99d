import type { ObjectChoice } from './objects.ts';
import type { StatsOptions } from './options.ts';

/** What `list` or `report` shows. */
export interface ReportPlan {
  readonly choice: ObjectChoice;
  /** The fields that are shown unless others are asked for. */
  readonly fields: string;
}

const OBJECT = 'stats_name,group_id,region_id,obj_type';
const EXTENT = `${OBJECT},region_start,region_len,area_count`;
const RATES =
  'reads_merged_per_sec,writes_merged_per_sec,reads_per_sec,writes_per_sec,' +
  'read_size_per_sec,write_size_per_sec,avg_request_size,queue_size,util,await,read_await,write_await';

/** A region that is one area is seen as that. */
const EVERYTHING: ObjectChoice = { areas: true, regions: 'divided', groups: true };

/** `list`: regions and groups; with -v also areas, whatever is chosen, and then no regions that are one area. */
export function listPlan(options: StatsOptions): ReportPlan {
  const verbose = options.verbose !== undefined;
  const area = verbose ? 'area_id,area_start,area_len' : 'area_len';
  return {
    choice: verbose ? EVERYTHING : (chosen(options) ?? { areas: false, regions: true, groups: true }),
    fields: `${EXTENT},${area},${options.histogram ? 'hist_bins,hist_bounds' : 'program_id'}`,
  };
}

/** `report`: areas, regions of several, groups. */
export function reportPlan(options: StatsOptions): ReportPlan {
  const counts = options.relative ? 'hist_percent_bounds' : 'hist_count_bounds';
  return {
    choice: chosen(options) ?? EVERYTHING,
    fields: options.histogram
      ? `${EXTENT},area_len,util,await,${counts}`
      : `${OBJECT},area_id,area_start,area_len,${RATES}`,
  };
}

/** What `--area`, `--region` and `--group` ask for, if any does. */
function chosen({ area, region, group }: StatsOptions): ObjectChoice | undefined {
  if (!area && !region && !group) return undefined;
  return { areas: area ?? false, regions: region ?? false, groups: group ?? false };
}
