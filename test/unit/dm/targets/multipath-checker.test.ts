import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FaultDevice } from '../../../../src/block/index.ts';
import type { Target } from '../../../../src/dm/index.ts';
import { CHECK_INTERVAL } from '../../../../src/dm/targets/multipath/checker.ts';
import { multipathTarget } from '../../../../src/dm/targets/multipath/index.ts';
import { parseTable, parseTableLine } from '../../../../src/table/index.ts';
import { codeOf, disk } from '../support.ts';
import { failure, isSettled, line, type Rig, rig } from './multipath-support.ts';

const TWO = '0 0 1 1 round-robin 0 2 1 a 1 b 1';
const ALWAYS = { times: Number.POSITIVE_INFINITY };

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

function breakWay(made: Rig, name: string, errno = 'EIO'): void {
  made.ways[name]!.fault.fail({ ...ALWAYS, errno });
}

/** A read of one path fails: it has failed then. */
async function failed(made: Rig, name: string, errno = 'EIO'): Promise<void> {
  breakWay(made, name, errno);
  for (let i = 0; i < 2; i++) await codeOf(() => made.device.read(0, new Uint8Array(512)));
  made.ways[name]!.fault.heal();
}

async function next(count = 1): Promise<void> {
  await vi.advanceTimersByTimeAsync(count * CHECK_INTERVAL);
}

describe('a path that failed through an error', () => {
  it('comes back when its first block can be read', async () => {
    const made = await rig(TWO);
    await failed(made, 'a');
    breakWay(made, 'a');
    expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0');
    await next(3);
    expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0');
    made.ways.a!.fault.heal();
    await vi.advanceTimersByTimeAsync(CHECK_INTERVAL - 1);
    expect(made.status()).toContain('7:0 F 1');
    await vi.advanceTimersByTimeAsync(1);
    expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 A 1 7:1 A 0');
    expect(made.device.info.eventNumber).toBe(2);
    expect(made.ways.a!.requests).toEqual(Array(5).fill('read 0 512'));
    // It was the old opening all the time.
    expect(made.openings).toEqual({ a: 1, b: 1 });
    // Nothing is tried any more.
    expect(vi.getTimerCount()).toBe(0);
    await made.device.close();
  });

  it('lets requests go on that waited', async () => {
    const made = await rig('1 queue_if_no_path 0 1 1 round-robin 0 2 1 a 1 b 1', { later: true });
    for (const name of 'ab') breakWay(made, name);
    const done = Promise.all([made.device.write(512, new Uint8Array(512).fill(7)), made.device.flush()]);
    expect(await isSettled(done)).toBe(false);
    await next();
    expect(await isSettled(done)).toBe(false);
    made.ways.b!.fault.heal();
    await next();
    await done;
    expect(made.content.subarray(512, 1024)).toEqual(new Uint8Array(512).fill(7));
    expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 1');
    await made.device.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is left alone when it comes back or fails by message', async () => {
    const made = await rig(TWO);
    await failed(made, 'a');
    await made.device.message(0, ['reinstate_path', 'a']);
    expect(vi.getTimerCount()).toBe(0);
    await failed(made, 'a');
    await made.device.message(0, ['fail_path', 'a']);
    expect(vi.getTimerCount()).toBe(0);
    await next(3);
    expect(made.status()).toContain('7:0 F 2');
    await made.device.close();
  });

  it('fails again when it breaks again', async () => {
    const made = await rig(TWO);
    for (let count = 1; count <= 3; count++) {
      await failed(made, 'a');
      expect(made.status()).toContain(`7:0 F ${count}`);
      await next();
      expect(made.status()).toContain(`7:0 A ${count}`);
    }
    await made.device.close();
  });

  it('holds no process back', async () => {
    const unref = vi.fn();
    vi.spyOn(globalThis, 'setTimeout').mockImplementation((() => ({ unref })) as never);
    const made = await rig(TWO);
    await failed(made, 'a');
    expect(unref).toHaveBeenCalledTimes(1);
    await made.device.close();
    vi.restoreAllMocks();
  });
});

describe('a path that fails by message', () => {
  it('stays failed though a check that was under way succeeds', async () => {
    const made = await rig(TWO, { later: true });
    await failed(made, 'a');
    made.ways.a!.later.hold();
    await next();
    await made.device.message(0, ['fail_path', 'a']);
    made.ways.a!.later.release();
    await isSettled(Promise.resolve());
    await next(2);
    expect(made.ways.a!.requests).toHaveLength(2);
    expect(made.status()).toContain('7:0 F 1');
    await made.device.close();
  });

  it('is not tried', async () => {
    const made = await rig(TWO);
    await made.device.message(0, ['fail_path', 'a']);
    expect(vi.getTimerCount()).toBe(0);
    await next(3);
    expect(made.ways.a!.requests).toEqual([]);
    expect(made.status()).toContain('7:0 F 1');
    await made.device.close();
  });
});

describe('a device whose connection is lost', () => {
  it.each(['ENOTCONN', 'ENXIO', 'ENODEV', 'ESHUTDOWN'])('is opened anew after %s', async (errno) => {
    const made = await rig(TWO);
    await failed(made, 'a', errno);
    made.refuse = failure('ECONNREFUSED', 'CONNECTION_LOST');
    await next(2);
    expect(made.status()).toContain('7:0 F 1');
    made.refuse = undefined;
    await next();
    expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 A 1 7:1 A 0');
    expect(made.openings).toEqual({ a: 2, b: 1 });
    await made.device.read(0, new Uint8Array(512));
    await made.device.read(0, new Uint8Array(512));
    expect(made.ways.a!.requests).toEqual(['read 0 512', 'read 0 512']);
    await made.device.close();
  });

  it('is found out by the check as well', async () => {
    const made = await rig(TWO);
    await failed(made, 'a', 'EIO');
    breakWay(made, 'a', 'ENXIO');
    await next();
    // Opened and read in one go.
    expect(made.openings).toEqual({ a: 2, b: 1 });
    expect(made.status()).toContain('7:0 A 1');
    await made.device.close();
  });

  it('is not used when it has shrunk', async () => {
    const made = await rig(TWO);
    await failed(made, 'a', 'ENXIO');
    made.size = 512;
    await next(2);
    expect(made.status()).toContain('7:0 F 1');
    expect(await codeOf(made.device.message(0, ['reinstate_path', 'a']))).toBe('DEVICE_TOO_SMALL');
    expect(made.status()).toContain('7:0 F 1');
    made.size = made.content.length;
    await next();
    expect(made.status()).toContain('7:0 A 1');
    await made.device.close();
  });

  it('has all its paths served by the new opening', async () => {
    const made = await rig('0 0 2 1 round-robin 0 1 1 a 1 round-robin 0 1 1 a 1');
    await failed(made, 'a', 'ENXIO');
    expect(made.status()).toBe('2 0 0 0 2 1 E 0 1 0 7:0 F 1 E 0 1 0 7:0 F 1');
    await next();
    expect(made.status()).toBe('2 0 0 0 2 1 E 0 1 0 7:0 A 1 E 0 1 0 7:0 A 1');
    expect(made.openings).toEqual({ a: 2 });
    await made.device.message(0, ['switch_group', '2']);
    await made.device.read(0, new Uint8Array(512));
    await made.device.close();
  });

  it('is opened anew before a message brings its path back', async () => {
    const made = await rig(TWO);
    await failed(made, 'a', 'ENXIO');
    made.refuse = failure('ECONNREFUSED', 'CONNECTION_LOST');
    expect(await codeOf(made.device.message(0, ['reinstate_path', 'a']))).toBe('CONNECTION_LOST');
    expect(made.status()).toContain('7:0 F 1');
    made.refuse = undefined;
    await made.device.message(0, ['reinstate_path', 'a']);
    expect(made.status()).toContain('7:0 A 1');
    expect(vi.getTimerCount()).toBe(0);
    await made.device.close();
  });

  it('raises one event when a check and a message find it back at the same time', async () => {
    const made = await rig(TWO);
    await failed(made, 'a', 'ENXIO');
    let open = (): void => {};
    made.wait = new Promise((resolve) => {
      open = resolve;
    });
    await next();
    const message = made.device.message(0, ['reinstate_path', 'a']);
    open();
    await message;
    await next(2);
    expect(made.openings.a).toBe(2);
    expect(made.status()).toContain('7:0 A 1');
    expect(made.device.info.eventNumber).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
    await made.device.close();
  });

  it('is not left half open when the device is closed', async () => {
    const made = await rig(TWO);
    await failed(made, 'a', 'ENXIO');
    let open = (): void => {};
    made.wait = new Promise((resolve) => {
      open = resolve;
    });
    await next();
    const closed = made.device.close();
    expect(await isSettled(closed)).toBe(false);
    open();
    await closed;
    expect(made.openings.a).toBe(2);
    expect(await codeOf(async () => made.ways.a!.fault.read(0, new Uint8Array(512)))).toBe(
      'INVALID_ARGUMENT',
    );
  });

  it('is flushed when it is back, since no other path may reach its cache', async () => {
    const made = await rig('0 0 2 1 round-robin 0 1 1 a 1 round-robin 0 1 1 b 1');
    await made.device.flush();
    await made.device.write(0, new Uint8Array(512));
    await failed(made, 'a', 'ENXIO');
    await made.device.flush();
    await next();
    expect(made.status()).toBe('2 0 0 0 2 2 E 0 1 0 7:0 A 1 A 0 1 0 7:1 A 0');
    // Of the new opening; the other group is the one in use.
    expect(made.ways.a!.requests).toEqual(['read 0 512']);
    await made.device.flush();
    expect(made.ways.a!.requests).toEqual(['read 0 512', 'flush']);
    await made.device.flush();
    expect(made.ways.a!.requests).toEqual(['read 0 512', 'flush']);
    await made.device.close();
  });
});

describe('the target by itself', () => {
  async function target(): Promise<{ made: Target; events: () => number; open: () => void }> {
    let events = 0;
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const fault = await FaultDevice.over(disk(8, 'a'));
    fault.fail({ errno: 'ENXIO' });
    const made = await multipathTarget.construct(
      parseTableLine('0 8 multipath 0 0 1 1 round-robin 0 1 0 a')!,
      {
        readOnly: false,
        openDevice: async () => fault,
        reopenDevice: () => opened.then(() => fault),
        deviceLabel: (name) => name,
        raiseEvent: () => events++,
      },
    );
    await codeOf(async () => made.read(0, new Uint8Array(512)));
    return { made, events: () => events, open };
  }

  it('brings a path back once, however many ask for it', async () => {
    const { made, events, open } = await target();
    expect(events()).toBe(1);
    const messages = [0, 1].map(() => made.message!(['reinstate_path', 'a']));
    open();
    await Promise.all(messages);
    expect(events()).toBe(2);
    await made.destroy();
  });

  it('is gone when no device is being opened any more', async () => {
    const { made, open } = await target();
    await next();
    const gone = made.destroy();
    expect(await isSettled(gone)).toBe(false);
    open();
    await gone;
  });

  it('leaves no timer behind', async () => {
    const { made } = await target();
    expect(vi.getTimerCount()).toBe(1);
    await made.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a suspension', () => {
  it('stops the checks until the resume', async () => {
    const made = await rig(TWO);
    await failed(made, 'a');
    await made.device.suspend();
    await next(3);
    expect(made.ways.a!.requests.filter((text) => text !== 'flush')).toHaveLength(1);
    await made.device.resume();
    await next();
    expect(made.status()).toContain('7:0 A 1');
    await made.device.close();
  });

  it('ends them with the table', async () => {
    const made = await rig(TWO);
    await failed(made, 'a');
    await made.device.load(parseTable(line('0 0 1 1 round-robin 0 1 1 b 1')));
    await made.device.resume();
    expect(vi.getTimerCount()).toBe(0);
    await made.device.close();
  });

  it('ends a check that is under way as well', async () => {
    const made = await rig(TWO, { later: true });
    await failed(made, 'a');
    const { fault, later } = made.ways.a!;
    later.hold();
    await next();
    await made.device.load(parseTable(line(TWO)));
    await made.device.suspend({ flush: false });
    await made.device.resume();
    fault.fail({ errno: 'ENXIO' });
    later.release();
    await isSettled(Promise.resolve());
    // The device is the next table's, and was not opened anew behind its back.
    expect(made.openings.a).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
    await made.device.close();
  });

  it('leaves the next table with the opening that is there then', async () => {
    const made = await rig(TWO);
    await failed(made, 'a', 'ENXIO');
    await made.device.load(parseTable(line(TWO)));
    // The live table opens the device anew while the next one waits.
    await next();
    expect(made.openings.a).toBe(2);
    await made.device.resume();
    for (let i = 0; i < 4; i++) await made.device.read(0, new Uint8Array(512));
    // The next one finds its opening closed, and does the same.
    await next();
    expect(made.status()).toContain('7:0 A');
    for (let i = 0; i < 4; i++) await made.device.read(0, new Uint8Array(512));
    expect(made.ways.a!.requests.filter((text) => text.startsWith('read')).length).toBeGreaterThan(1);
    await made.device.close();
  });
});
