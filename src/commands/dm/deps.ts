import { type DeviceAddress, findByAddress, ioctl } from '../../cli/dm/address.ts';
import { askedTable } from '../../cli/dm/asked-table.ts';
import { blockName, devnoText } from '../../cli/dm/block-name.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { printResults, subjectsOf } from '../../cli/dm/each-device.ts';
import { noSuchDevice } from '../../cli/dm/failure.ts';
import { infoText } from '../../cli/dm/info-text.ts';
import { nameForm } from '../../cli/dm/name-form.ts';
import type { Dependency, DeviceInfo } from '../../daemon/request.ts';

interface Found {
  readonly device: DeviceInfo;
  readonly dependencies: readonly Dependency[];
}

/** `tsdmsetup deps [<device>...]` */
export default async function deps(context: DmContext): Promise<undefined> {
  const { names, options, ui } = context;
  const byNumbers = nameForm(context) === 'devno';
  const { addresses, several } = await subjectsOf(context);
  const verbose = options.verbose !== undefined;
  const results: unknown[] = [];
  for (const address of addresses) {
    const { device, dependencies } = await dependenciesAt(context, address);
    const name = names.shown(device.name);
    if (ui.json) {
      results.push({ device: name, dependencies });
      continue;
    }
    if (verbose) ui.print(infoText(device, names));
    const list = dependencies.map((each) => ` (${byNumbers ? devnoText(each, ', ') : blockName(each)})`);
    const prefix = several && !verbose ? `${name}: ` : '';
    ui.print(`${prefix}${dependencies.length} dependencies\t:${list.join('')}`);
    if (several && verbose) ui.print('');
  }
  if (ui.json) printResults(context, results, several);
}

function dependenciesAt(context: DmContext, address: DeviceAddress): Promise<Found> {
  return ioctl('deps', address, async () => {
    const device = await findByAddress(address);
    if (!device) throw noSuchDevice();
    return { device, dependencies: (await askedTable(context, device)).dependencies };
  });
}
