import type { DeviceInfo } from '../../daemon/request.ts';
import type { DmContext } from './command.ts';
import { infoText } from './info-text.ts';
import { type KeyText, printKeyText } from './key-output.ts';

/**
 * The lines of one device's targets, as `table` and `status` print them: with its name where there are several
 * devices, or, with -v, below its description. A device without a table has an empty line, unless only
 * targets of one type are wanted.
 */
export function printTargets(
  { options, names, ui }: DmContext,
  device: DeviceInfo,
  several: boolean,
  lines: readonly KeyText[],
): void {
  const verbose = options.verbose !== undefined;
  if (verbose) ui.print(infoText(device, names));
  const prefix = several && !verbose ? `${names.shown(device.name)}: ` : '';
  for (const line of lines) printKeyText([prefix, ...line], ui);
  if (lines.length === 0 && options.target === undefined) ui.print(prefix);
  if (verbose && several) ui.print('');
}
