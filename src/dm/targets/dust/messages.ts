import type { TableArg } from '../../../table/spec.ts';
import { refuse } from '../arguments.ts';
import type { BadBlocks } from './bad-blocks.ts';

/** What messages change and ask for. */
export interface DustState {
  readonly bad: BadBlocks;
  /** Bad blocks are in effect; otherwise requests pass them by. */
  enabled: boolean;
  /** In the kernel: changes of the list are not logged. Here nothing is logged; it is kept and shown. */
  quiet: boolean;
  /** The highest block that messages may name. */
  readonly lastBlock: number;
}

const MOST_WRITE_FAILURES = 255;

/**
 * The messages of dust, whose names are in any case (Documentation/admin-guide/device-mapper/dm-dust.rst).
 *
 * @returns what the kernel answers; '' where it logs at most
 * @throws TscryptError INVALID_ARGUMENT with the text that the kernel logs, if it does
 */
export function dustMessage(words: readonly TableArg[], state: DustState): string {
  const [first, ...numbers] = words;
  const given = typeof first === 'string' ? first : '';
  const name = given.toLowerCase();
  switch (numbers.length) {
    case 0:
      return plainMessage(name, given, state);
    case 1:
      return blockMessage(name, given, numbers[0], state);
    case 2:
      return addWithFailures(name, given, numbers, state);
    default:
      return refuse(`invalid number of arguments '${words.length}'`);
  }
}

function plainMessage(name: string, given: string, state: DustState): string {
  const { bad } = state;
  switch (name) {
    case 'addbadblock':
    case 'removebadblock':
    case 'queryblock':
      return refuse(`${given} requires an additional argument`);
    case 'countbadblocks':
      return `countbadblocks: ${bad.count} badblock(s) found`;
    case 'listbadblocks':
      if (bad.count === 0) return 'No blocks in badblocklist';
      return bad
        .list()
        .map((block) => `${block}\n`)
        .join('');
    case 'clearbadblocks': {
      const found = bad.count > 0;
      bad.clear();
      return `dust_clear_badblocks: ${found ? 'badblocks cleared' : 'no badblocks found'}`;
    }
    case 'enable':
      state.enabled = true;
      return '';
    case 'disable':
      state.enabled = false;
      return '';
    case 'quiet':
      state.quiet = !state.quiet;
      return '';
    default:
      return unrecognized(given);
  }
}

function blockMessage(name: string, given: string, arg: TableArg | undefined, state: DustState): string {
  const block = blockArg(number(arg), state);
  switch (name) {
    case 'addbadblock':
      return add(block, 0, state);
    case 'removebadblock':
      if (!state.bad.remove(block)) refuse(`dust_remove_block: block ${block} not found in badblocklist`);
      return '';
    case 'queryblock': {
      const found = state.bad.has(block) ? 'found' : 'not found';
      return `dust_query_block: block ${block} ${found} in badblocklist`;
    }
    default:
      return unrecognized(given);
  }
}

function addWithFailures(
  name: string,
  given: string,
  [first, second]: readonly TableArg[],
  state: DustState,
): string {
  const block = number(first);
  const failures = number(second);
  if (failures > MOST_WRITE_FAILURES) refuse('selected write fail count out of range');
  blockArg(block, state);
  if (name !== 'addbadblock') unrecognized(given);
  return add(block, failures, state);
}

function add(block: number, failures: number, { bad }: DustState): string {
  if (!bad.add(block, failures)) refuse(`dust_add_block: block ${block} already in badblocklist`);
  return '';
}

/** The kernel says nothing about what is no number. */
function number(arg: TableArg | undefined): number {
  return typeof arg === 'string' && /^\d+$/.test(arg) ? Number(arg) : refuse('invalid number in message');
}

function blockArg(block: number, { lastBlock }: DustState): number {
  return block <= lastBlock ? block : refuse('selected block value out of range');
}

function unrecognized(given: string): never {
  return refuse(`unrecognized message '${given}' received`);
}
