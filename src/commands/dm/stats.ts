import type { DmContext } from '../../cli/dm/command.ts';
import { refusal } from '../../cli/dm/failure.ts';
import { reportHelpText } from '../../cli/dm/report/help-text.ts';
import { isStatsAction, runStatsAction } from '../../cli/dm/stats/commands.ts';
import { runStatsReport, statsCatalogue } from '../../cli/dm/stats/report.ts';
import { statsUsage } from '../../cli/dm/stats/usage.ts';
import version from './version.ts';

const PROGRAM = 'tsdmsetup';

/** `tsdmsetup stats <command> [<device>...]`, which is what dmstats does. */
export default async function stats(context: DmContext): Promise<boolean> {
  const { options, ui } = context;
  const [command = 'help', ...operands] = context.operands;
  const within = { ...context, operands };
  if (options.help || command === 'help') {
    ui.warn(statsUsage(PROGRAM));
    if (options.columns) ui.warn(reportHelpText(statsCatalogue(options), ['fields']));
    return true;
  }
  if (isStatsAction(command)) return await runStatsAction(command, within);
  if (command === 'list' || command === 'report') return await runStatsReport(command, within);
  if (command === 'version') {
    await version(within);
    return true;
  }
  if (command === 'update_filemap')
    throw refusal('update_filemap is not available: no file system lies upon these devices.');
  const unknown = refusal('Unknown stats command.');
  if (ui.json) throw unknown;
  ui.warn(`${unknown.message}\n${statsUsage(PROGRAM)}`);
  return false;
}
