import type { DmContext } from '../../cli/dm/command.ts';
import { FieldCatalogue } from '../../cli/dm/report/catalogue.ts';
import { DEVICE_SECTIONS } from '../../cli/dm/report/fields/sections.ts';
import { reportHelpText } from '../../cli/dm/report/help-text.ts';

/** `tsdmsetup help --columns`: the fields of reports, below the usage. */
export default async function help({ ui }: DmContext): Promise<undefined> {
  ui.warn(reportHelpText(new FieldCatalogue(DEVICE_SECTIONS), ['fields']));
}
