import type { DmContext } from '../command.ts';
import { refusal, reportFailure } from '../failure.ts';
import { createRegions, createRequest } from './create.ts';
import { deleteRegions, deleteRequest } from './delete.ts';
import type { StatsDevice, StatsOutput } from './device.ts';
import { groupRegions, groupRequest, ungroupRegions, ungroupRequest } from './group.ts';
import { regionSelection, type StatsOptions } from './options.ts';
import { clearRegions, printRegions } from './print.ts';
import { statsSubjects } from './subjects.ts';

/** What a command does to one device; false when it failed and has said why. */
type Action = (device: StatsDevice, output: StatsOutput) => Promise<boolean>;

interface ActionSpec {
  /** Reads the options. @throws TscryptError INVALID_ARGUMENT */
  readonly action: (options: StatsOptions) => Action;
  /** It is about all devices where none is named. */
  readonly unasked: boolean;
}

/** The commands that do something to regions. */
const ACTIONS = {
  create: { unasked: false, action: createAction },
  delete: { unasked: false, action: deleteAction },
  clear: { unasked: true, action: clearAction },
  print: { unasked: true, action: printAction },
  group: { unasked: false, action: groupAction },
  ungroup: { unasked: false, action: ungroupAction },
} as const satisfies Record<string, ActionSpec>;

export type StatsActionName = keyof typeof ACTIONS;

export function isStatsAction(word: string): word is StatsActionName {
  return Object.hasOwn(ACTIONS, word);
}

/**
 * Runs a command on the devices that the command line names, or all.
 *
 * @param context its operands are devices
 * @returns false when it failed and has said why
 * @throws TscryptError what failed
 */
export async function runStatsAction(name: StatsActionName, context: DmContext): Promise<boolean> {
  const { options, ui } = context;
  const { action, unasked }: ActionSpec = ACTIONS[name];
  const run = action(options);
  const results: unknown[] = [];
  const output: StatsOutput = {
    result: (text, data) => (ui.json ? results.push(data) : ui.print(text)),
    warn: (line) => ui.warn(line),
    failure: (error) => reportFailure(error, ui),
  };
  const { devices, all } = await statsSubjects(context, unasked);
  try {
    let good = true;
    for (const device of devices) {
      if (await attempt(device, run, output, all)) continue;
      good = false;
      if (!all) break;
    }
    return good;
  } finally {
    if (ui.json) ui.printJson(results);
  }
}

/** Where all devices are meant, one that fails (it may have been removed meanwhile) does not end it. */
async function attempt(
  device: StatsDevice,
  run: Action,
  output: StatsOutput,
  all: boolean,
): Promise<boolean> {
  try {
    return await run(device, output);
  } catch (error) {
    if (!all) throw error;
    output.failure(error);
    return false;
  }
}

function createAction(options: StatsOptions): Action {
  if (options.filemap) throw refusal('--filemap is not available: no file system lies upon these devices.');
  const request = createRequest(options);
  return (device, output) => createRegions(device, request, output);
}

function deleteAction(options: StatsOptions): Action {
  const request = deleteRequest(options);
  return (device, output) => deleteRegions(device, request, output);
}

function clearAction(options: StatsOptions): Action {
  const selection = regionSelection(options);
  return (device, output) => clearRegions(device, selection, output);
}

function printAction(options: StatsOptions): Action {
  const selection = regionSelection(options);
  return (device, output) => printRegions(device, selection, options.clear ?? false, output);
}

function groupAction(options: StatsOptions): Action {
  const request = groupRequest(options);
  return (device, output) => groupRegions(device, request, output);
}

function ungroupAction(options: StatsOptions): Action {
  const request = ungroupRequest(options);
  return (device, output) => ungroupRegions(device, request, output);
}
