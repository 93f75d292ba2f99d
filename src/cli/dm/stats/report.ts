import { listDevices } from '../../../daemon/devices.ts';
import type { DeviceInfo } from '../../../daemon/request.ts';
import { addressesOf, findByAddress, wantsAll } from '../address.ts';
import type { DmContext } from '../command.ts';
import { refusal } from '../failure.ts';
import { DeviceGraph } from '../graph.ts';
import { FieldCatalogue } from '../report/catalogue.ts';
import { deviceRow } from '../report/device-row.ts';
import type { FieldSection } from '../report/field.ts';
import { TREE_KIND } from '../report/fields/relations.ts';
import type { DeviceRow } from '../report/fields/row.ts';
import { DEVICE_SECTIONS } from '../report/fields/sections.ts';
import { openReport } from '../report/open.ts';
import { printReport } from '../report/print.ts';
import { COUNTER_KIND, REGION_KIND, statsSections } from './fields.ts';
import { type ReadOptions, readObjects, type StatsObject } from './objects.ts';
import { programOf, type StatsOptions } from './options.ts';
import { listPlan, reportPlan } from './report-plan.ts';
import { sizeFormat } from './size-text.ts';
import { statsDevice } from './subjects.ts';

/** A row of `list` and `report`: a device, and what of its statistics the row is about. */
interface StatsRow extends DeviceRow {
  readonly object: StatsObject;
}

/** All fields of these reports. */
export function statsCatalogue(options: StatsOptions): FieldCatalogue<StatsRow> {
  const sections = statsSections({
    size: sizeFormat(options.units ?? 'h'),
    histogram: { suffix: !options.notimesuffix, padded: !options.noheadings },
  });
  return new FieldCatalogue<StatsRow>([...DEVICE_SECTIONS, ...sections.map(ofObject)]);
}

function ofObject({ fields, ...section }: FieldSection<StatsObject>): FieldSection<StatsRow> {
  return {
    ...section,
    fields: fields.map((field) => ({ ...field, value: (row) => field.value(row.object) })),
  };
}

/**
 * `list`: the regions there are. `report`: what was counted since the last report, after which counting begins again.
 *
 * @returns false when it failed and has said why
 */
export async function runStatsReport(name: 'list' | 'report', context: DmContext): Promise<boolean> {
  const { options } = context;
  const plan = name === 'list' ? listPlan(options) : reportPlan(options);
  const catalogue = statsCatalogue(options);
  const kinds = name === 'list' ? [REGION_KIND] : [COUNTER_KIND, REGION_KIND];
  const report = openReport(context, catalogue, { fields: plan.fields, kinds });
  if (!report) return true;
  const counters = name === 'report' ? 'clear' : report.isAbout(COUNTER_KIND) ? 'keep' : 'none';
  const clock = new IntervalClock(Number(options.interval ?? 1));
  return await printReport(context, report, async () => {
    const read = {
      choice: plan.choice,
      programId: programOf(options),
      counters,
      interval: clock.next(),
    } as const;
    const graph = report.isAbout(TREE_KIND) ? new DeviceGraph(await listDevices()) : undefined;
    for (const device of await subjects(context))
      for (const row of await rowsOf(context, device, graph, read)) report.add(row);
    return true;
  });
}

/** Nanoseconds from one report to the next; before the first there is only what was asked for. */
class IntervalClock {
  readonly #first: number;
  #last: number | undefined;

  constructor(seconds: number) {
    this.#first = seconds * 1e9;
  }

  next(): number {
    const now = performance.now();
    const passed = this.#last === undefined ? this.#first : (now - this.#last) * 1e6;
    this.#last = now;
    return passed;
  }
}

async function rowsOf(
  context: DmContext,
  device: DeviceInfo,
  graph: DeviceGraph | undefined,
  read: ReadOptions,
): Promise<StatsRow[]> {
  const objects = await readObjects(await statsDevice(context, { name: device.name }), read);
  if (objects.length === 0) return [];
  const row = await deviceRow(context, device, graph);
  return objects.map((object) => ({ ...row, object }));
}

/** @throws TscryptError at the first that is not there */
async function subjects(context: DmContext): Promise<readonly DeviceInfo[]> {
  if (wantsAll(context)) return await listDevices();
  const found = await Promise.all(addressesOf(context).map(findByAddress));
  return found.map((device) => device ?? missing());
}

function missing(): never {
  throw refusal('Device does not exist.');
}
