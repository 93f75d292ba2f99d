import { describe, expect, it } from 'vitest';
import { splitArgs } from '../../../../src/table/index.ts';
import { failureOf } from '../support.ts';
import { type Rig, rig } from './multipath-support.ts';

const GROUPS = '0 0 3 2 round-robin 0 1 1 a 1 round-robin 0 2 1 b 1 c 1 round-robin 0 1 1 d 1';

function send(made: Rig, words: string): Promise<string> {
  return made.device.message(0, splitArgs(words));
}

/** Statuses and event numbers after each message; a read comes behind each. */
async function sendEach(made: Rig, messages: readonly string[]): Promise<[string, number][]> {
  const seen: [string, number][] = [];
  for (const words of messages) {
    expect(await send(made, words)).toBe('');
    seen.push([made.status(), made.device.info.eventNumber]);
    await made.device.read(0, new Uint8Array(512));
  }
  return seen;
}

describe('paths', () => {
  it('fail and come back, with an event each time that something changes', async () => {
    const made = await rig('0 0 1 1 round-robin 0 2 1 a 1 b 1');
    expect(
      await sendEach(made, [
        'fail_path a',
        'FAIL_PATH 7:0',
        'Reinstate_Path 7:0',
        'reinstate_path a',
        'fail_path b',
      ]),
    ).toEqual([
      ['2 1 0 0 1 1 E 0 2 0 7:0 F 1 7:1 A 0', 1],
      ['2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0', 1],
      ['2 0 0 0 1 1 A 0 2 0 7:0 A 1 7:1 A 0', 2],
      ['2 0 0 0 1 1 A 0 2 0 7:0 A 1 7:1 A 0', 2],
      ['2 0 0 0 1 1 A 0 2 0 7:0 A 1 7:1 F 1', 3],
    ]);
  });

  it('are named by anything that means their device', async () => {
    const made = await rig('0 0 1 1 round-robin 0 2 1 a 1 b 1');
    // What the table prints as 7:0 too.
    await send(made, 'fail_path a-link');
    expect(made.status()).toBe('2 1 0 0 1 1 E 0 2 0 7:0 F 1 7:1 A 0');
  });

  it('fail together when they lead to one device', async () => {
    const made = await rig('0 0 2 1 round-robin 0 1 1 a 1 round-robin 0 2 1 a 1 b 1');
    expect(await sendEach(made, ['fail_path a', 'reinstate_path a'])).toEqual([
      ['2 1 0 0 2 1 E 0 1 0 7:0 F 1 E 0 2 0 7:0 F 1 7:1 A 0', 2],
      ['2 0 0 0 2 2 E 0 1 0 7:0 A 1 A 0 2 0 7:0 A 1 7:1 A 0', 4],
    ]);
  });
});

describe('groups', () => {
  it('are put behind all others, and back', async () => {
    const made = await rig(GROUPS);
    expect(
      await sendEach(made, [
        'disable_group 2',
        'disable_group 1',
        'disable_group 3',
        'enable_group 3',
        'enable_group 3',
      ]),
    ).toEqual([
      ['2 1 0 0 3 2 E 0 1 0 7:0 A 0 D 0 2 0 7:1 A 0 7:2 A 0 E 0 1 0 7:3 A 0', 1],
      ['2 0 0 0 3 1 D 0 1 0 7:0 A 0 D 0 2 0 7:1 A 0 7:2 A 0 E 0 1 0 7:3 A 0', 2],
      ['2 0 0 0 3 1 D 0 1 0 7:0 A 0 D 0 2 0 7:1 A 0 7:2 A 0 D 0 1 0 7:3 A 0', 3],
      ['2 0 0 0 3 1 D 0 1 0 7:0 A 0 D 0 2 0 7:1 A 0 7:2 A 0 E 0 1 0 7:3 A 0', 4],
      ['2 0 0 0 3 1 D 0 1 0 7:0 A 0 D 0 2 0 7:1 A 0 7:2 A 0 E 0 1 0 7:3 A 0', 5],
    ]);
    // The group to begin with comes first even when it is bypassed.
    expect(made.ways.b!.requests).toHaveLength(1);
    expect(made.ways.d!.requests).toHaveLength(3);
    expect(made.ways.a!.requests).toHaveLength(1);
  });

  it('are switched to, which ends that any is bypassed', async () => {
    const made = await rig(GROUPS);
    await send(made, 'disable_group 3');
    expect(await sendEach(made, ['switch_group 1', 'switch_group 3'])).toEqual([
      ['2 1 0 0 3 1 E 0 1 0 7:0 A 0 E 0 2 0 7:1 A 0 7:2 A 0 E 0 1 0 7:3 A 0', 2],
      ['2 0 0 0 3 3 E 0 1 0 7:0 A 0 E 0 2 0 7:1 A 0 7:2 A 0 E 0 1 0 7:3 A 0', 3],
    ]);
    expect(made.status()).toBe('2 0 0 0 3 3 E 0 1 0 7:0 A 0 E 0 2 0 7:1 A 0 7:2 A 0 A 0 1 0 7:3 A 0');
    expect(made.ways.a!.requests).toHaveLength(1);
    expect(made.ways.d!.requests).toHaveLength(1);
  });

  it('take over one after the other as their paths fail, and are not left for one that comes back', async () => {
    const made = await rig(GROUPS);
    const read = async (): Promise<string> => {
      await made.device.read(0, new Uint8Array(512));
      return made.status().replace(/^.*? (\d) [AED].*$/, '$1');
    };
    expect(await read()).toBe('2');
    await send(made, 'fail_path b');
    expect(await read()).toBe('2');
    await send(made, 'fail_path c');
    expect(await read()).toBe('1');
    await send(made, 'reinstate_path c');
    expect(await read()).toBe('1');
    await send(made, 'fail_path a');
    expect(await read()).toBe('2');
    await send(made, 'fail_path c');
    expect(await read()).toBe('3');
    await send(made, 'switch_group 1');
    // A group without a path is not switched to.
    expect(await read()).toBe('3');
  });
});

describe('queue_if_no_path and fail_if_no_path', () => {
  it('change the table and raise no event', async () => {
    const made = await rig('0 0 1 1 round-robin 0 1 1 a 1');
    await send(made, 'QUEUE_IF_NO_PATH');
    expect(made.table()).toBe('1 queue_if_no_path 0 1 1 round-robin 0 1 1 7:0 1');
    await send(made, 'fail_if_no_path');
    expect(made.table()).toBe('0 0 1 1 round-robin 0 1 1 7:0 1');
    expect(made.device.info.eventNumber).toBe(0);
  });
});

describe('what is refused', () => {
  it.each([
    ['nonsense', 'Invalid multipath message arguments. Expected 2 arguments, got 1.'],
    ['fail_path', 'Invalid multipath message arguments. Expected 2 arguments, got 1.'],
    ['fail_path a b', 'Invalid multipath message arguments. Expected 2 arguments, got 3.'],
    ['nonsense a', 'Unrecognised multipath message received: nonsense'],
    ['queue_if_no_path 1', 'Unrecognised multipath message received: queue_if_no_path'],
    ['fail_path e', 'message: error getting device e'],
    ['reinstate_path 7:9', 'message: error getting device 7:9'],
    ['switch_group 0', 'invalid PG number supplied to switch_pg_num'],
    ['switch_group 4', 'invalid PG number supplied to switch_pg_num'],
    ['switch_group +1', 'invalid PG number supplied to switch_pg_num'],
    ['disable_group 1x', 'invalid PG number supplied to bypass_pg'],
    ['enable_group 4', 'invalid PG number supplied to bypass_pg'],
  ])('%s', async (words, message) => {
    const made = await rig(GROUPS);
    expect(await failureOf(send(made, words))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      errno: 'EINVAL',
      message,
    });
    expect(made.device.info.eventNumber).toBe(0);
    expect(made.status()).toBe('2 1 0 0 3 2 E 0 1 0 7:0 A 0 E 0 2 0 7:1 A 0 7:2 A 0 E 0 1 0 7:3 A 0');
  });

  it('is everything while the device is suspended', async () => {
    const made = await rig(GROUPS);
    await made.device.suspend();
    for (const words of ['fail_path a', 'queue_if_no_path', 'nonsense']) {
      expect(await failureOf(send(made, words))).toMatchObject({ code: 'DEVICE_BUSY', errno: 'EBUSY' });
    }
    await made.device.resume();
    await send(made, 'fail_path a');
  });
});
