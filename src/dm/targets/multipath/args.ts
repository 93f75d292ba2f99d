import type { TableArg, TableLine } from '../../../table/spec.ts';
import type { TargetContext } from '../../target.ts';
import { ArgumentReader, deviceArg, refuse } from '../arguments.ts';
import { PriorityGroup } from './groups.ts';
import { Path, PathDevice } from './paths.ts';
import { selectorTypes } from './selectors/registry.ts';

/**
 * `multipath <#features> features… <#handler> handler… <#groups> <initial group>`, then for each group
 * `<selector> <#args> args… <#paths> <#path args>` and for each of its paths `<device> args…`.
 */
export interface MultipathArguments {
  readonly features: MultipathFeatures;
  /** Hardware handler: a name that is kept, and does nothing here. */
  readonly hardwareHandler: string | undefined;
  readonly groups: readonly PriorityGroup[];
  /** The number of the group to begin with; 0 where there is none. May be too large. */
  readonly initialGroup: number;
}

export interface MultipathFeatures {
  readonly queueIfNoPath: boolean;
  readonly retainAttachedHandler: boolean;
  /** 1 … 50; undefined: not given. */
  readonly pgInitRetries: number | undefined;
  /** Milliseconds, 0 … 60000; undefined: not given. */
  readonly pgInitDelay: number | undefined;
  /** Whether requests are bios, or requests of a queue; it changes nothing here but how the table looks. */
  readonly bioBased: boolean;
}

/** The kernel's bounds for everything that is counted. */
const MOST = 1024;
const MAX_FEATURES = 8;

export async function parseMultipathArguments(
  line: TableLine,
  context: TargetContext,
): Promise<MultipathArguments> {
  const args = new ArgumentReader(line.args);
  const features = parseFeatures(group(args, MAX_FEATURES, 'invalid number of feature args'));
  const handler = group(args, MOST, 'invalid number of hardware handler args');
  const name = handler.left > 0 ? handler.word('invalid number of hardware handler args') : undefined;
  const count = args.number(0, MOST, 'invalid number of priority groups');
  const initialGroup = args.number(0, MOST, 'invalid initial priority group number');
  if ((count === 0) !== (initialGroup === 0)) refuse('invalid initial priority group');
  const groups: PriorityGroup[] = [];
  const devices = new Map<string, PathDevice>();
  while (args.left > 0) groups.push(await parseGroup(args, groups.length + 1, devices, context));
  if (groups.length !== count) refuse('priority group count mismatch');
  // Linux has no use for a handler where requests are bios, and forgets it.
  return { features, hardwareHandler: features.bioBased ? undefined : name, groups, initialGroup };
}

/** The table, with what a message may have changed since. */
export function formatMultipathArguments(
  args: MultipathArguments,
  groupNumber: number,
  queueIfNoPath: boolean,
): readonly TableArg[] {
  const features = formatFeatures(args.features, queueIfNoPath);
  const handler = args.hardwareHandler === undefined ? [] : [args.hardwareHandler];
  return [
    ...counted(features),
    ...counted(handler),
    String(args.groups.length),
    String(groupNumber),
    ...args.groups.flatMap(formatGroup),
  ];
}

export function counted(words: readonly string[]): string[] {
  return [String(words.length), ...words];
}

function parseFeatures(args: ArgumentReader): MultipathFeatures {
  const text = 'Unrecognised multipath feature request';
  let queueIfNoPath = false;
  let retainAttachedHandler = false;
  let pgInitRetries: number | undefined;
  let pgInitDelay: number | undefined;
  let bioBased = false;
  while (args.left > 0) {
    const name = args.word(text).toLowerCase();
    if (name === 'queue_if_no_path') queueIfNoPath = true;
    else if (name === 'retain_attached_hw_handler') retainAttachedHandler = true;
    else if (args.left === 0) refuse(text);
    else if (name === 'pg_init_retries') {
      pgInitRetries = args.number(1, 50, 'pg_init_retries must be between 1 and 50');
    } else if (name === 'pg_init_delay_msecs') {
      pgInitDelay = args.number(0, 60_000, 'pg_init_delay_msecs must be between 0 and 60000');
    } else if (name === 'queue_mode') bioBased = parseQueueMode(args);
    else refuse(text);
  }
  // A bio has no handler that could be replaced, so the kernel counts it as kept.
  retainAttachedHandler ||= bioBased;
  return { queueIfNoPath, retainAttachedHandler, pgInitRetries, pgInitDelay, bioBased };
}

/** @returns whether it is `bio` */
function parseQueueMode(args: ArgumentReader): boolean {
  const text = "Unknown 'queue_mode' requested";
  const mode = args.word(text).toLowerCase();
  if (mode === 'bio') return true;
  return mode === 'rq' || mode === 'mq' ? false : refuse(text);
}

function formatFeatures(features: MultipathFeatures, queueIfNoPath: boolean): string[] {
  const { pgInitRetries, pgInitDelay, retainAttachedHandler, bioBased } = features;
  return [
    ...(queueIfNoPath ? ['queue_if_no_path'] : []),
    ...(pgInitRetries === undefined ? [] : ['pg_init_retries', String(pgInitRetries)]),
    ...(pgInitDelay === undefined ? [] : ['pg_init_delay_msecs', String(pgInitDelay)]),
    ...(retainAttachedHandler ? ['retain_attached_hw_handler'] : []),
    ...(bioBased ? ['queue_mode', 'bio'] : []),
  ];
}

/** @param devices those of the paths so far, by their labels */
async function parseGroup(
  args: ArgumentReader,
  number: number,
  devices: Map<string, PathDevice>,
  context: TargetContext,
): Promise<PriorityGroup> {
  if (args.left < 2) refuse('not enough priority group arguments');
  const type = selectorTypes.get(args.word('unknown path selector type'));
  if (!type) return refuse('unknown path selector type');
  const selector = type.create(group(args, MOST, 'invalid number of path selector args'));
  const result = new PriorityGroup(number, type, selector);
  const paths = args.number(1, MOST, 'invalid number of paths');
  const pathArgs = args.number(0, MOST, 'invalid number of selector args');
  for (let i = 0; i < paths; i++) {
    if (args.left < 1 + pathArgs) refuse('not enough path parameters');
    const below = await deviceArg(args.next(), context, 'error getting device');
    selector.addPath(take(args, pathArgs));
    const device = devices.get(below.label) ?? new PathDevice(below);
    devices.set(below.label, device);
    result.paths.push(new Path(result, device));
  }
  return result;
}

function formatGroup({ type, selector, paths }: PriorityGroup): string[] {
  return [
    type.name,
    ...counted(selector.args),
    String(paths.length),
    String(type.tableArgs),
    ...paths.flatMap(({ device, index }) => [device.label, ...selector.tableArgsOf(index)]),
  ];
}

/** A count and so many arguments; the count must be there. */
function group(args: ArgumentReader, most: number, text: string): ArgumentReader {
  return args.left === 0 ? refuse(text) : args.group(0, most, text);
}

function take(args: ArgumentReader, count: number): ArgumentReader {
  return new ArgumentReader(Array.from({ length: count }, () => args.next() ?? ''));
}
