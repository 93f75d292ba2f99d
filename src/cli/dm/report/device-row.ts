import type { DeviceInfo } from '../../../daemon/request.ts';
import { askedTable } from '../asked-table.ts';
import type { DmContext } from '../command.ts';
import type { DeviceGraph } from '../graph.ts';
import { splitByUuid } from '../split-name.ts';
import type { DeviceRow } from './fields/row.ts';

/**
 * A device as a row of a report.
 *
 * @param graph for reports that say what lies upon what
 */
export async function deviceRow(
  context: DmContext,
  device: DeviceInfo,
  graph: DeviceGraph | undefined,
): Promise<DeviceRow> {
  const { names } = context;
  const { dependencies, targetCount } = await askedTable(context, device);
  const node = graph?.nodeOf(device);
  return {
    device: { info: { ...device, targetCount }, names, dependencies, ...(node && { node }) },
    split: splitByUuid(names.shown(device.name), names.shown(device.uuid)),
  };
}
