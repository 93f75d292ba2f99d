import type { DmContext } from '../../cli/dm/command.ts';
import { type ConciseDevice, parseConcise } from '../../cli/dm/concise.ts';
import { createDevice, refusedTable } from '../../cli/dm/create-device.ts';
import { refusal } from '../../cli/dm/failure.ts';
import { infoJson, infoText } from '../../cli/dm/info-text.ts';
import { inputOf, readInput } from '../../cli/dm/input.ts';
import { protect } from '../../cli/dm/protect.ts';
import { readTable } from '../../cli/dm/table-input.ts';
import type { DeviceInfo } from '../../daemon/request.ts';
import { DM_MAJOR } from '../../dm/device-numbers.ts';
import { TscryptError } from '../../errors.ts';
import { disposeTable } from '../../table/secrets.ts';
import type { TableSpec } from '../../table/spec.ts';

/** `tsdmsetup create <dev_name> [<table_file>]`, `tsdmsetup create --concise [<spec>]` */
export default async function create(context: DmContext): Promise<undefined> {
  if (context.options.concise) await createConcise(context);
  else await createOne(context);
}

async function createOne(context: DmContext): Promise<void> {
  const { options, operands, names, ui } = context;
  const [given, file] = operands;
  if (given === undefined) throw refusal('Please provide a name for the new device.');
  const name = newName(context, given);
  const uuid = names.toDevice(options.uuid ?? '', 'UUID');
  const { major, minor, readonly = false } = options;
  const numbers = major === undefined || minor === undefined ? undefined : { major, minor };
  await protect(ui);
  const table = options.notable ? [] : await tableOf(context, name, file);
  try {
    const device = await createDevice({ name, uuid, numbers, readOnly: readonly, table });
    if (ui.json) ui.printJson(infoJson(device, names));
    else show(context, device);
  } finally {
    disposeTable(table);
  }
}

async function tableOf({ options }: DmContext, name: string, file: string | undefined): Promise<TableSpec> {
  try {
    return await readTable(options, file);
  } catch (error) {
    // Not the text is wrong, but what it says.
    if (error instanceof TscryptError && error.details.line !== undefined)
      throw await refusedTable(name, undefined, error);
    throw error;
  }
}

async function createConcise(context: DmContext): Promise<void> {
  const { options, operands, names, ui } = context;
  const { table, notable, minor, uuid, inactive } = options;
  if ((table ?? notable ?? minor ?? uuid ?? inactive) !== undefined)
    throw refusal('--concise is incompatible with --[no]table, --minor, --uuid and --inactive.');
  const [text, more] = operands;
  if (more !== undefined) throw refusal('dmsetup create --concise takes at most one argument');
  await protect(ui);
  using spec = text === undefined ? await readInput(undefined) : inputOf(text);
  const devices = parseConcise(spec.bytes);
  try {
    // All of it is understood before the first is made.
    const orders = devices.map((device) => orderOf(context, device));
    const made: DeviceInfo[] = [];
    for (const order of orders) {
      const device = await createDevice(order);
      if (!ui.json) show(context, device);
      made.push(device);
    }
    if (ui.json) ui.printJson(made.map((device) => infoJson(device, names)));
  } finally {
    for (const device of devices) disposeTable(device.table);
  }
}

function orderOf(context: DmContext, device: ConciseDevice) {
  const { options, names } = context;
  const { minor } = device;
  return {
    name: newName(context, device.name),
    uuid: names.toDevice(device.uuid, 'UUID'),
    numbers: minor === undefined ? undefined : { major: DM_MAJOR, minor },
    readOnly: device.readOnly || options.readonly === true,
    table: device.table,
  };
}

function newName({ names }: DmContext, text: string): string {
  if (text.includes('/')) throw refusal(`Name "${text}" invalid. It contains "/".`);
  return names.toDevice(text);
}

function show({ options, names, ui }: DmContext, device: DeviceInfo): void {
  if (options.verbose !== undefined) ui.print(infoText(device, names));
}
