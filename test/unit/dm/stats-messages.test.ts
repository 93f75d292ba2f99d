import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/crypto/index.ts';
import { MappedDevice } from '../../../src/dm/index.ts';

import type { TableArg } from '../../../src/table/index.ts';
import { create, failureOf, opener } from './support.ts';

/** One step: a message's words, and what the kernel answers or the errno it gives. */
type Step = readonly [words: readonly string[], answer: string];

const ZERO = ' 0 0 0 0 0 0 0 0 0 0 0 0 0';

async function send(device: MappedDevice, words: readonly TableArg[]): Promise<string> {
  let answer = '';
  const failure = await failureOf(async () => {
    answer = await device.message(0, words);
  });
  return failure?.errno ?? answer;
}

async function replay(device: MappedDevice, steps: readonly Step[]): Promise<void> {
  for (const [words, expected] of steps) {
    expect(`${words.join('|')} → ${await send(device, words)}`).toBe(`${words.join('|')} → ${expected}`);
  }
}

/** Steps that create regions which take the ids from 0 on, or fail: the arguments, and how many there were then. */
const CREATED: readonly Step[] = [
  [['-', '/1'], '0: 0+4096 4096 - -'],
  [['-', '1000'], '0: 0+4096 1000 - -'],
  [['10+20', '/3', '0', 'prog', 'aux'], '0: 10+20 7 prog aux'],
  [['10+20', '/3', 'prog', 'aux'], '0: 10+20 7 prog aux'],
  [['10+20', '/3', 'prog'], '0: 10+20 7 prog -'],
  [['10+20', '/3', 'prog', 'aux', 'more'], 'EINVAL'],
  [['10+20', '/3', '1', 'prog', 'aux'], 'EINVAL'],
  [['10+20', '/0'], 'EINVAL'],
  [['10+20', '0'], 'EINVAL'],
  [['10+20', '-1'], 'EINVAL'],
  [['10+20', '+1'], 'EINVAL'],
  [['10+20', '1x'], 'EINVAL'],
  [['10+20', '/1x'], 'EINVAL'],
  [['10+20', '//1'], 'EINVAL'],
  [['10+20', '0x4'], 'EINVAL'],
  [['10+0', '1'], 'EINVAL'],
  [['10', '1'], 'EINVAL'],
  [['10+', '1'], 'EINVAL'],
  [['+10', '1'], 'EINVAL'],
  [['10+20x', '1'], 'EINVAL'],
  [['0x0+8', '1'], 'EINVAL'],
  [['0+8'], 'EINVAL'],
  [[], 'EINVAL'],
  [['5000+100', '/2'], '0: 5000+100 50 - -'],
  [['0+8', '100'], '0: 0+8 100 - -'],
  [['0+8', '/100'], '0: 0+8 1 - -'],
  [['0+8', '4', '1', 'PRECISE_TIMESTAMPS', 'p'], '0: 0+8 4 p - precise_timestamps'],
  [['0+8', '4', '2', 'precise_timestamps', 'precise_timestamps'], '0: 0+8 4 - - precise_timestamps'],
  [
    ['0+8', '4', '2', 'precise_timestamps', 'histogram:10,20', 'p', 'a'],
    '0: 0+8 4 p a precise_timestamps histogram:10,20',
  ],
  [['0+8', '4', '1', 'HISTOGRAM:5,6,7'], '0: 0+8 4 - - histogram:5,6,7'],
  [['0+8', '4', '2', 'histogram:10,20', 'histogram:10'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:0'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:1,1'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:5,3'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:5,'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:,5'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:5x'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:5x6'], 'EINVAL'],
  [['0+8', '4', '1', 'foo'], 'EINVAL'],
  [['0+8', '4', '2', 'precise_timestamps'], 'EINVAL'],
  [['0+8', '4', '-1', 'aux'], '0: 0+8 4 -1 aux'],
  // Numbers wrap as they do in the kernel.
  [['0+8', '4', '4294967296', 'pp', 'aa'], '0: 0+8 4 pp aa'],
  [['0+8', '4', '4294967297', 'precise_timestamps', 'pp', 'aa'], '0: 0+8 4 pp aa precise_timestamps'],
  [['0+8', '/4294967298'], '0: 0+8 4 - -'],
  [['0+8', '18446744073709551618'], '0: 0+8 2 - -'],
  [['0+8', '4', '1', 'histogram:18446744073709551616'], 'EINVAL'],
  [['0+8', '4', '1', 'histogram:18446744073709551615'], '0: 0+8 4 - - histogram:18446744073709551615'],
  [['0+8', '4', '1', 'histogram:99999999999999999999999'], '0: 0+8 4 - - histogram:200376420520689663'],
  [['18446744073709551615+1', '1'], 'EINVAL'],
  [['18446744073709551610+6', '1'], 'EINVAL'],
  [['18446744073709551610+5', '1'], '0: 18446744073709551610+5 1 - -'],
  [['9223372036854775808+5', '3'], '0: 9223372036854775808+5 3 - -'],
  [['0+18446744073709551615', '18446744073709551615'], '0: 0+18446744073709551615 18446744073709551615 - -'],
  [['0+18446744073709551615', '1'], 'EOVERFLOW'],
  [['0+8388609', '1'], 'EOVERFLOW'],
  // Blanks, which a message can have in a word, may stand before numbers.
  [[' 0+ 8', ' 4'], '0: 0+8 4 - -'],
  [['0+8', '/ 4'], '0: 0+8 2 - -'],
  [['0+8', '4', ' 0', 'q'], '0: 0+8 4 q -'],
  [['0 +8', '4'], 'EINVAL'],
  [['0+8 ', '4'], 'EINVAL'],
  [['00+010', '08'], '0: 0+10 8 - -'],
];

describe('the messages of statistics', () => {
  it.each(CREATED)('@stats_create %j gives %s', async (args, expected) => {
    const device = await create('0 4096 zero');
    const created = await send(device, ['@stats_create', ...args]);
    const listed = await send(device, ['@stats_list']);
    expect(created === '0' ? listed : created + listed).toBe(created === '0' ? `${expected}\n` : expected);
    await device.close();
  });

  it('say which parameters were wrong in the words of the kernel', async () => {
    const device = await create('0 4096 zero');
    const failure = await failureOf(device.message(0, ['@stats_create', '-']));
    expect(failure?.code).toBe('INVALID_ARGUMENT');
    expect(failure?.message).toBe('Invalid parameters for message @stats_create');
    await device.close();
  });

  it('give ids, list, print and delete as the kernel does', async () => {
    const device = await create('0 4096 zero');
    await replay(device, [
      [['@stats_list'], ''],
      [['@STATS_Create', '-', '/2'], '0'],
      [['@stats_create', '-', '1000', 'p'], '1'],
      [['@stats_create', '100+10', '3', 'q', 'a'], '2'],
      [['@stats_list'], '0: 0+4096 2048 - -\n1: 0+4096 1000 p -\n2: 100+10 3 q a\n'],
      [['@stats_list', 'p'], '1: 0+4096 1000 p -\n'],
      [['@stats_list', '-'], '0: 0+4096 2048 - -\n'],
      [['@stats_list', 'nonesuch'], ''],
      [['@stats_list', 'p', 'q'], 'EINVAL'],
      [['@stats_print', '0'], `0+2048${ZERO}\n2048+2048${ZERO}\n`],
      [['@stats_print', ' 0'], `0+2048${ZERO}\n2048+2048${ZERO}\n`],
      [['@stats_print', '4294967296'], `0+2048${ZERO}\n2048+2048${ZERO}\n`],
      // The last area is printed with the length of the others.
      [['@stats_print', '2'], `100+3${ZERO}\n103+3${ZERO}\n106+3${ZERO}\n109+3${ZERO}\n`],
      [['@stats_print', '2', '1', '1'], `103+3${ZERO}\n`],
      [['@stats_print', '2', '1', '2'], `103+3${ZERO}\n106+3${ZERO}\n`],
      [['@stats_print', '2', '3', '9'], `109+3${ZERO}\n`],
      [['@stats_print', '2', '4', '2'], ''],
      [['@stats_print', '2', '100', '2'], ''],
      [['@stats_print', '2', '1', '0'], ''],
      [['@stats_print', '2', '2', '18446744073709551615'], `106+3${ZERO}\n109+3${ZERO}\n`],
      [['@stats_print', '2', '2', '-'], `106+3${ZERO}\n109+3${ZERO}\n`],
      [['@stats_print', '2', '-', '2'], `100+3${ZERO}\n103+3${ZERO}\n`],
      [['@stats_print', '2', 'x', '2'], 'EINVAL'],
      [['@stats_print', '2', '1', 'x'], 'EINVAL'],
      [['@stats_print', '2', '-1', '2'], 'EINVAL'],
      [['@stats_print', '2', '1'], 'EINVAL'],
      [['@stats_print', '2', '1', '1', '1'], 'EINVAL'],
      [['@stats_print'], 'EINVAL'],
      [['@stats_print', 'x'], 'EINVAL'],
      [['@stats_print', '0x0'], 'EINVAL'],
      [['@stats_print', '+0'], 'EINVAL'],
      [['@stats_print', '-1'], 'EINVAL'],
      [['@stats_print', '2147483648'], 'EINVAL'],
      [['@stats_print', '2147483647'], 'ENOENT'],
      [['@stats_print_clear', '2', '1', '1'], `103+3${ZERO}\n`],
      [['@stats_print_clear', '2', '1'], 'EINVAL'],
      [['@stats_print_clear', '9'], 'ENOENT'],
      [['@stats_clear', '2'], ''],
      [['@stats_clear'], 'EINVAL'],
      [['@stats_clear', '2', '0'], 'EINVAL'],
      [['@stats_clear', 'x'], 'EINVAL'],
      [['@stats_clear', '9'], 'ENOENT'],
      [['@stats_set_aux', '1', 'foo bar baz'], ''],
      [['@stats_set_aux', '1'], 'EINVAL'],
      [['@stats_set_aux', '1', 'a', 'b'], 'EINVAL'],
      [['@stats_set_aux', '1', ''], 'EINVAL'],
      [['@stats_set_aux', 'x', 'a'], 'EINVAL'],
      [['@stats_set_aux', '9', 'a'], 'ENOENT'],
      [['@stats_delete', '0'], ''],
      [['@stats_delete', '0'], 'ENOENT'],
      [['@stats_delete', '1', '2'], 'EINVAL'],
      [['@stats_delete'], 'EINVAL'],
      [['@stats_delete', '-1'], 'EINVAL'],
      [['@stats_list'], '1: 0+4096 1000 p foo bar baz\n2: 100+10 3 q a\n'],
      // The smallest id that is free.
      [['@stats_create', '0+1', '1'], '0'],
      [['@stats_create', '0+2', '1'], '3'],
      [['@stats_list'], '0: 0+1 1 - -\n1: 0+4096 1000 p foo bar baz\n2: 100+10 3 q a\n3: 0+2 1 - -\n'],
      [['@stats_foo'], 'EINVAL'],
      [['@'], 'EINVAL'],
    ]);
    await device.close();
  });

  it('print areas beyond what a double counts, and a histogram', async () => {
    const device = await create('0 8 zero');
    await replay(device, [
      [['@stats_create', '9223372036854775809+5', '3'], '0'],
      [['@stats_print', '0'], `9223372036854775809+3${ZERO}\n9223372036854775812+3${ZERO}\n`],
      [['@stats_create', '0+8', '8', '1', 'histogram:1,2'], '1'],
      [['@stats_print', '1'], `0+8${ZERO} 0:0:0\n`],
    ]);
    await device.close();
  });

  it('are for every sector, and for devices that are suspended or have no table', async () => {
    const device = await MappedDevice.create({ name: 'm', openDevice: opener({}) });
    expect(await send(device, ['@stats_create', '-', '/2'])).toBe('0');
    expect(await device.message(999, ['@stats_list'])).toBe('0: 0+1 1 - -\n');
    await device.close();
    expect(await send(device, ['@stats_list'])).not.toBe('');

    const other = await create('0 4096 zero');
    await other.suspend();
    expect(await send(other, ['@stats_create', '-', '/2'])).toBe('0');
    expect(await send(other, ['@stats_list'])).toBe('0: 0+4096 2048 - -\n');
    await other.close();
  });

  it('take no secrets', async () => {
    const device = await create('0 4096 zero');
    await device.message(0, ['@stats_create', '-', '/2']);
    const secret = Secret.copy(new Uint8Array(4));
    expect(await send(device, ['@stats_set_aux', '0', secret])).toBe('EINVAL');
    secret.dispose();
    await device.close();
  });
});
