import type { DmContext } from '../../cli/dm/command.ts';
import { FieldCatalogue } from '../../cli/dm/report/catalogue.ts';
import { DEVICE_SECTIONS } from '../../cli/dm/report/fields/sections.ts';
import { SPLIT_NAME_KIND } from '../../cli/dm/report/fields/split-name.ts';
import { openReport } from '../../cli/dm/report/open.ts';
import { printReport } from '../../cli/dm/report/print.ts';
import { splitName } from '../../cli/dm/split-name.ts';

/** `tsdmsetup splitname <device> [<subsystem>]` */
export default async function splitname(context: DmContext): Promise<boolean> {
  const [name = '', subsystem = 'LVM'] = context.operands;
  const report = openReport(context, new FieldCatalogue(DEVICE_SECTIONS), {
    fields: 'vg_name,lv_name,lv_layer',
    kinds: [SPLIT_NAME_KIND],
  });
  if (!report) return true;
  return await printReport(context, report, async () => {
    report.add({ split: splitName(name, subsystem) });
    return true;
  });
}
