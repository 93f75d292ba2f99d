import { addressOf, type DeviceAddress, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { refusal } from '../../cli/dm/failure.ts';
import { protect } from '../../cli/dm/protect.ts';
import { readTable } from '../../cli/dm/table-input.ts';
import { showVerbosely } from '../../cli/dm/verbose.ts';
import { loadDeviceTable } from '../../daemon/devices.ts';
import { TscryptError } from '../../errors.ts';
import { disposeTable } from '../../table/secrets.ts';
import type { TableSpec } from '../../table/spec.ts';

/** `tsdmsetup load <device> [<table_file>]`, also called `reload` */
export default async function load(context: DmContext): Promise<undefined> {
  const { options, ui } = context;
  if (options.notable) throw refusal('--notable only available when creating new device.');
  const { address, file } = operandsOf(context);
  await protect(ui);
  const table = await tableOf(context, address, file);
  try {
    await ioctl('reload', address, (name) =>
      loadDeviceTable(name, table, { readOnly: options.readonly ?? false }),
    );
  } finally {
    disposeTable(table);
  }
  await showVerbosely(context, address);
}

/** With --uuid or numbers the file is the only operand. */
function operandsOf(context: DmContext): { address: DeviceAddress; file: string | undefined } {
  const { options, operands } = context;
  const [first, second] = operands;
  if (options.uuid === undefined && options.major === undefined) {
    if (first === undefined) throw refusal('Please specify device.');
    return { address: addressOf(context, first), file: second };
  }
  if (second !== undefined) throw refusal('Too many command line arguments.');
  return { address: addressOf(context, undefined), file: first };
}

async function tableOf(
  { options }: DmContext,
  address: DeviceAddress,
  file: string | undefined,
): Promise<TableSpec> {
  try {
    return await readTable(options, file);
  } catch (error) {
    // Not the text is wrong, but what it says.
    if (error instanceof TscryptError && error.details.line !== undefined)
      return await ioctl('reload', address, () => Promise.reject(error));
    throw error;
  }
}
