import { addressesOf, findByAddress, wantsAll } from '../../cli/dm/address.ts';
import { askedTable } from '../../cli/dm/asked-table.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { printResults } from '../../cli/dm/each-device.ts';
import { refusal } from '../../cli/dm/failure.ts';
import { DeviceGraph } from '../../cli/dm/graph.ts';
import { infoJson, infoText } from '../../cli/dm/info-text.ts';
import { nameForm } from '../../cli/dm/name-form.ts';
import { FieldCatalogue } from '../../cli/dm/report/catalogue.ts';
import { deviceRow } from '../../cli/dm/report/device-row.ts';
import { TREE_KIND } from '../../cli/dm/report/fields/relations.ts';
import { DEVICE_SECTIONS } from '../../cli/dm/report/fields/sections.ts';
import { openReport } from '../../cli/dm/report/open.ts';
import { printReport, repeat } from '../../cli/dm/report/print.ts';
import { listDevices } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';

const DEFAULT_FIELDS = 'name,major,minor,attr,open,segments,events,uuid';

/** `tsdmsetup info [<device>...]` */
export default async function info(context: DmContext): Promise<boolean> {
  return context.options.columns ? await printColumns(context) : await printAtLength(context);
}

async function printColumns(context: DmContext): Promise<boolean> {
  const report = openReport(context, new FieldCatalogue(DEVICE_SECTIONS), { fields: DEFAULT_FIELDS });
  if (!report) return true;
  return await printReport(context, report, async () => {
    const graph = report.isAbout(TREE_KIND) ? new DeviceGraph(await listDevices()) : undefined;
    for await (const device of subjects(context)) report.add(await deviceRow(context, device, graph));
    return true;
  });
}

async function printAtLength(context: DmContext): Promise<boolean> {
  const { names, operands, ui } = context;
  // Checked as for `ls` and `deps`; it has nothing to say here.
  nameForm(context);
  return await repeat(context, async () => {
    const results: unknown[] = [];
    for await (const device of subjects(context)) {
      const { targetCount } = await askedTable(context, device);
      const shown = { ...device, targetCount };
      if (ui.json) results.push(infoJson(shown, names));
      else ui.print(infoText(shown, names));
    }
    if (ui.json) printResults(context, results, operands.length > 1 || wantsAll(context));
    return true;
  });
}

/**
 * The devices that the command line names, else all.
 *
 * @throws TscryptError at the first that is not there
 */
async function* subjects(context: DmContext): AsyncGenerator<DeviceInfo> {
  if (wantsAll(context)) {
    const devices = await listDevices();
    if (devices.length === 0 && !context.ui.json) context.ui.print('No devices found');
    yield* devices;
    return;
  }
  for (const address of addressesOf(context)) {
    const device = await findByAddress(address);
    if (!device) throw refusal('Device does not exist.');
    yield device;
  }
}
