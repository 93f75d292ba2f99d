import { type DeviceAddress, findByAddress, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { conciseText } from '../../cli/dm/concise-output.ts';
import { type Subjects, subjectsOf } from '../../cli/dm/each-device.ts';
import { noSuchDevice } from '../../cli/dm/failure.ts';
import { jsonText, printKeyText, tableLineText } from '../../cli/dm/key-output.ts';
import { protect } from '../../cli/dm/protect.ts';
import { printTargets } from '../../cli/dm/target-lines.ts';
import { deviceTable } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';
import { disposeTable } from '../../table/secrets.ts';
import type { TableSpec } from '../../table/spec.ts';

interface Shown {
  readonly device: DeviceInfo;
  /** The targets that are wanted. */
  readonly table: TableSpec;
}

/** `tsdmsetup table [<device>...]` */
export default async function table(context: DmContext): Promise<undefined> {
  const { options, ui } = context;
  if (options.showkeys) await protect(ui);
  const subjects = await subjectsOf(context);
  if (ui.json) await printJson(context, subjects);
  else if (options.concise) await printConcise(context, subjects);
  else await printLines(context, subjects);
}

async function printLines(context: DmContext, { addresses, several }: Subjects): Promise<void> {
  for (const address of addresses) {
    await withTable(context, address, ({ device, table }) =>
      printTargets(context, device, several, table.map(tableLineText)),
    );
  }
}

/** One line for all of them; if one is not there, those before it. */
async function printConcise(context: DmContext, { addresses }: Subjects): Promise<void> {
  const shown: Shown[] = [];
  try {
    for (const address of addresses) shown.push(await shownTable(context, address));
  } finally {
    const { names, options, ui } = context;
    const wanted = shown.filter(({ table }) => options.target === undefined || table.length > 0);
    if (wanted.length > 0) printKeyText(conciseText(wanted, names), ui);
    for (const { table } of shown) disposeTable(table);
  }
}

async function printJson(context: DmContext, { addresses, several }: Subjects): Promise<void> {
  const { names } = context;
  const shown: Shown[] = [];
  try {
    for (const address of addresses) shown.push(await shownTable(context, address));
    const results = shown.map(({ device, table }) => ({ device: names.shown(device.name), targets: table }));
    printKeyText(jsonText(several ? results : results[0]), context.ui);
  } finally {
    for (const { table } of shown) disposeTable(table);
  }
}

async function withTable(
  context: DmContext,
  address: DeviceAddress,
  use: (shown: Shown) => void,
): Promise<void> {
  const shown = await shownTable(context, address);
  try {
    use(shown);
  } finally {
    disposeTable(shown.table);
  }
}

/** @returns a table that is the caller's to dispose of */
async function shownTable({ options }: DmContext, address: DeviceAddress): Promise<Shown> {
  const { inactive = false, showkeys: showKeys = false, target } = options;
  return ioctl('table', address, async () => {
    const device = await findByAddress(address);
    if (!device) throw noSuchDevice();
    const table = await deviceTable(device.name, { inactive, showKeys });
    const [wanted, others] = [true, false].map((is) =>
      table.filter(({ type }) => (target === undefined || type === target) === is),
    );
    disposeTable(others ?? []);
    return { device, table: wanted ?? [] };
  });
}
