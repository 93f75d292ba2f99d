import { spawnSync } from 'node:child_process';
import { askedTable } from '../../cli/dm/asked-table.ts';
import { blockName } from '../../cli/dm/block-name.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { DeviceGraph, type GraphNode } from '../../cli/dm/graph.ts';
import type { NameMangling } from '../../cli/dm/mangle.ts';
import { type NameForm, nameForm } from '../../cli/dm/name-form.ts';
import { treeText } from '../../cli/dm/tree.ts';
import { isUtf8Locale, readTreeOptions, type TreeOptions } from '../../cli/dm/tree-options.ts';
import { listDevices } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';

const COLUMNS = 80;
/** dmsetup leaves as many columns of a terminal empty as the dots take that end a line. */
const MARGIN = 3;

/** `tsdmsetup ls` */
export default async function ls(context: DmContext): Promise<boolean> {
  const { exec, options, target, tree } = context.options;
  const treeOptions = tree ? readTreeOptions(options, isUtf8Locale(process.env)) : undefined;
  const form = tree ? 'devno' : nameForm(context);
  const devices = await listDevices();
  if (devices.length === 0 && !context.ui.json) context.ui.print('No devices found');
  if (exec !== undefined) return runForEach(context, exec, await ofType(context, devices));
  if (treeOptions && target === undefined) printTree(context, devices, treeOptions);
  else printList(context, await ofType(context, devices), form);
  return true;
}

function printList({ names, options, ui }: DmContext, devices: readonly DeviceInfo[], form: NameForm): void {
  if (ui.json) {
    const shown = devices.map(({ name, uuid, major, minor }) => ({
      name: names.shown(name),
      uuid: names.shown(uuid),
      major,
      minor,
    }));
    ui.printJson(shown);
    return;
  }
  for (const device of devices) {
    const { major, minor, name } = device;
    const withName = form !== 'devno' && options.target === undefined;
    const numbers = options.target === undefined ? `${major}:${minor}` : `${major}, ${minor}`;
    ui.print(`${names.shown(name)}\t(${withName ? blockName(device) : numbers})`);
  }
}

async function ofType(context: DmContext, devices: readonly DeviceInfo[]): Promise<readonly DeviceInfo[]> {
  const { target } = context.options;
  if (target === undefined) return devices;
  const tables = await Promise.all(devices.map((device) => askedTable(context, device)));
  return devices.filter((_, at) => tables[at]?.targetTypes.includes(target));
}

/** The command is taken apart at blanks, as dmsetup does it; whether it succeeds is not asked. */
function runForEach({ names }: DmContext, command: string, devices: readonly DeviceInfo[]): boolean {
  const [program, ...words] = command.split(/\s+/).filter((word) => word !== '');
  for (const { name } of devices) {
    if (program === undefined) return false;
    spawnSync(program, [...words, `/dev/mapper/${names.shown(name)}`], { stdio: 'inherit' });
  }
  return true;
}

function printTree({ names, ui }: DmContext, devices: readonly DeviceInfo[], options: TreeOptions): void {
  const roots = new DeviceGraph(devices).roots(options.inverted);
  if (ui.json) ui.printJson(roots.map((node) => treeJson(node, options, names)));
  else if (devices.length > 0) ui.print(treeText(roots, options, names, terminalColumns()));
}

function terminalColumns(): number {
  const { columns } = process.stdout;
  return columns ? columns - MARGIN : COLUMNS;
}

function treeJson(
  { dependency, device, usedBy, uses }: GraphNode,
  options: TreeOptions,
  names: NameMangling,
): Record<string, unknown> {
  const next = options.inverted ? usedBy : uses;
  return {
    ...dependency,
    ...(device && {
      name: names.shown(device.name),
      uuid: names.shown(device.uuid),
      major: device.major,
      minor: device.minor,
      suspended: device.suspended,
      readOnly: device.readOnly,
      openCount: device.openCount,
    }),
    [options.inverted ? 'usedBy' : 'uses']: next.map((node) => treeJson(node, options, names)),
  };
}
