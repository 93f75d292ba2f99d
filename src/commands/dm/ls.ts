import { spawnSync } from 'node:child_process';
import { askedTable } from '../../cli/dm/asked-table.ts';
import { blockName } from '../../cli/dm/block-name.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { DeviceGraph, type GraphNode } from '../../cli/dm/graph.ts';
import { nameForm } from '../../cli/dm/name-form.ts';
import { treeText } from '../../cli/dm/tree.ts';
import { isUtf8Locale, readTreeOptions, type TreeOptions } from '../../cli/dm/tree-options.ts';
import { listDevices } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';

const COLUMNS = 80;
/** dmsetup leaves as many columns of a terminal empty as the dots take that end a line. */
const MARGIN = 3;

/** `tsdmsetup ls` */
export default async function ls(context: DmContext): Promise<boolean> {
  const { exec, target, tree } = context.options;
  const listed = exec !== undefined || target !== undefined || !tree;
  const show = listed ? lister(context) : treePrinter(context);
  const devices = await listDevices();
  if (devices.length === 0 && !context.ui.json) context.ui.print('No devices found');
  return await show(devices);
}

type Show = (devices: readonly DeviceInfo[]) => Promise<boolean>;

function lister(context: DmContext): Show {
  const { names, options, ui } = context;
  const form = nameForm(context);
  return async (devices) => {
    const wanted = await ofType(context, devices);
    if (options.exec !== undefined) return runForEach(context, options.exec, wanted);
    if (ui.json)
      ui.printJson(
        wanted.map(({ name, uuid, major, minor }) => ({
          name: names.shown(name),
          uuid: names.shown(uuid),
          major,
          minor,
        })),
      );
    for (const device of ui.json ? [] : wanted) {
      const { major, minor } = device;
      const numbers = options.target === undefined ? `${major}:${minor}` : `${major}, ${minor}`;
      const shown = form === 'devno' || options.target !== undefined ? numbers : blockName(device);
      ui.print(`${names.shown(device.name)}\t(${shown})`);
    }
    return true;
  };
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

function treePrinter({ names, options, ui }: DmContext): Show {
  const tree = readTreeOptions(options.options, isUtf8Locale(process.env));
  return async (devices) => {
    const roots = new DeviceGraph(devices).roots(tree.inverted);
    if (ui.json) ui.printJson(roots.map((node) => treeJson(node, tree, (text) => names.shown(text))));
    else if (devices.length > 0) ui.print(treeText(roots, tree, names, terminalColumns()));
    return true;
  };
}

function terminalColumns(): number {
  const { columns } = process.stdout;
  return columns ? columns - MARGIN : COLUMNS;
}

function treeJson(
  { dependency, device, usedBy, uses }: GraphNode,
  tree: TreeOptions,
  shown: (text: string) => string,
): Record<string, unknown> {
  const next = tree.inverted ? usedBy : uses;
  return {
    ...dependency,
    ...(device && {
      name: shown(device.name),
      uuid: shown(device.uuid),
      major: device.major,
      minor: device.minor,
      suspended: device.suspended,
      readOnly: device.readOnly,
      openCount: device.openCount,
    }),
    [tree.inverted ? 'usedBy' : 'uses']: next.map((node) => treeJson(node, tree, shown)),
  };
}
