import { TscryptError } from '../../errors.ts';
import type { TableArg } from '../../table/spec.ts';
import { scanS32, scanU64 } from './numbers.ts';
import type { Region } from './region.ts';
import { parseRegion } from './spec.ts';
import type { Statistics } from './statistics.ts';

/** The answer, or undefined for parameters that are not as they should be. */
type Answer = string | undefined;
type Handler = (statistics: Statistics, args: readonly string[], deviceSectors: number) => Answer;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['@stats_create', create],
  ['@stats_delete', (statistics, args) => withRegion(statistics, args, 1, ({ id }) => statistics.delete(id))],
  [
    '@stats_clear',
    (statistics, args) =>
      withRegion(statistics, args, 1, (region) => region.clear(0, region.areas, performance.now())),
  ],
  ['@stats_list', list],
  ['@stats_print', (statistics, args) => print(statistics, args, false)],
  ['@stats_print_clear', (statistics, args) => print(statistics, args, true)],
  [
    '@stats_set_aux',
    (statistics, args) =>
      withRegion(statistics, args, 2, (region) => {
        region.auxData = args[1] as string;
      }),
  ],
]);

/** Whether a message is one of the statistics', in whatever case it is written. */
export function isStatisticsMessage(words: readonly TableArg[]): boolean {
  return handlerOf(words[0]) !== undefined;
}

/** Whether a message may be the first that has requests counted. */
export function beginsStatistics(words: readonly TableArg[]): boolean {
  return handlerOf(words[0]) === create;
}

/**
 * Does what a message about statistics says (Documentation/admin-guide/device-mapper/statistics.rst).
 *
 * @param deviceSectors the size of the device
 * @returns the answer, '' for most
 * @throws TscryptError INVALID_ARGUMENT for wrong parameters; EOVERFLOW with the same code, or
 *   OUT_OF_MEMORY, for a region that is too large; NO_SUCH_OBJECT when there is no such region
 */
export function statisticsMessage(
  statistics: Statistics,
  words: readonly TableArg[],
  deviceSectors: number,
): string {
  const [message, ...args] = words;
  const answer = args.every(isWord) ? handlerOf(message)?.(statistics, args, deviceSectors) : undefined;
  if (answer !== undefined) return answer;
  throw new TscryptError('INVALID_ARGUMENT', `Invalid parameters for message ${String(message)}`);
}

function handlerOf(word: TableArg | undefined): Handler | undefined {
  return typeof word === 'string' ? HANDLERS.get(word.toLowerCase()) : undefined;
}

/** Words of a message have a length, or nobody could read the answer of `@stats_list`. */
function isWord(arg: TableArg): arg is string {
  return typeof arg === 'string' && arg !== '';
}

/** `@stats_create <range> <step> …` */
function create(statistics: Statistics, args: readonly string[], deviceSectors: number): Answer {
  const region = parseRegion(args, deviceSectors);
  return region && String(statistics.create(region));
}

/** `@stats_list [<program_id>]` */
function list(statistics: Statistics, args: readonly string[]): Answer {
  const [programId, ...tooMany] = args;
  if (tooMany.length > 0) return undefined;
  return statistics.regions
    .filter(({ spec }) => programId === undefined || spec.programId === programId)
    .map(describe)
    .join('');
}

function describe({ id, spec, auxData }: Region): string {
  const precise = spec.precise ? ' precise_timestamps' : '';
  const histogram = spec.bounds.length > 0 ? ` histogram:${spec.bounds.join(',')}` : '';
  const place = `${spec.start}+${spec.length} ${spec.step}`;
  return `${id}: ${place} ${spec.programId} ${auxData}${precise}${histogram}\n`;
}

/** `@stats_print <region_id> [<starting_line> <number_of_lines>]`, where `-` is the first, and all. */
function print(statistics: Statistics, args: readonly string[], clear: boolean): Answer {
  if (args.length !== 1 && args.length !== 3) return undefined;
  const id = regionId(args[0]);
  const start = lineNumber(args[1], 0n);
  const count = lineNumber(args[2], ALL_LINES);
  if (id === undefined || start === undefined || count === undefined) return undefined;
  const region = statistics.region(id);
  const areas = BigInt(region.areas);
  const end = start + count < areas ? Number(start + count) : region.areas;
  const first = start < areas ? Number(start) : region.areas;
  const now = performance.now();
  const text = region.print(first, end, now);
  if (clear) region.clear(first, end, now);
  return text;
}

const ALL_LINES = 2n ** 64n - 1n;

function lineNumber(arg: string | undefined, otherwise: bigint): bigint | undefined {
  return arg === undefined || arg === '-' ? otherwise : scanU64(arg);
}

/** Does `action` on the region that the first of `count` arguments names. */
function withRegion(
  statistics: Statistics,
  args: readonly string[],
  count: number,
  action: (region: Region) => void,
): Answer {
  const id = args.length === count ? regionId(args[0]) : undefined;
  if (id === undefined) return undefined;
  action(statistics.region(id));
  return '';
}

function regionId(arg: string | undefined): number | undefined {
  const id = arg === undefined ? undefined : scanS32(arg);
  return id === undefined || id < 0 ? undefined : id;
}
