import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BlockDevice, FaultDevice, MemoryDevice } from '../../../../src/block/index.ts';
import type { MappedDevice } from '../../../../src/dm/index.ts';
import { delayTarget } from '../../../../src/dm/targets/delay/index.ts';
import { parseTableLine } from '../../../../src/table/index.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { targetSuite } from '../../../suites/target.ts';
import { bytes, codeOf, create, disk, failureOf } from '../support.ts';

const suite = (text: string) => ({
  type: delayTarget,
  line: parseTableLine(text)!,
  data: 'kept' as const,
  deviceSize: 5120 * 512,
});

targetSuite('delay of nothing', suite('0 4096 delay disk 24 0'));
targetSuite('delay of a millisecond', suite('0 4096 delay disk 24 1'));
targetSuite('delay of writes only', suite('0 4096 delay disk 24 0 disk 24 1'));
targetSuite('delay of flushes only', suite('0 4096 delay disk 24 0 disk 24 0 disk 24 1'));

const status = (device: MappedDevice) => device.status()[0]?.info;
const table = (device: MappedDevice) => device.table()[0]?.args.join(' ');

/** A promise of a request that must not finish inline, and whether it has ended. */
function held(request: void | Promise<void>): { readonly done: Promise<void>; readonly ended: () => string } {
  if (!(request instanceof Promise)) throw new Error('the request finished inline');
  let state = 'waits';
  const done = request.then(
    () => {
      state = 'done';
    },
    () => {
      state = 'failed';
    },
  );
  return { done, ended: () => state };
}

/** Notes every request it gets, and when. */
function noting(device: BlockDevice, log: string[]): BlockDevice {
  const note = (kind: string, offset = 0) =>
    log.push(`${device.name} ${kind} ${offset} @${performance.now()}`);
  return new Proxy(device, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      if (!['read', 'write', 'flush', 'discard', 'writeZeroes'].includes(String(property))) {
        return value.bind(target);
      }
      return (...args: [number]) => {
        note(String(property), args[0]);
        return value.apply(target, args);
      };
    },
  });
}

describe('the arguments of delay', () => {
  const disks = () => ({ a: disk(64, 'a'), b: disk(64, 'b'), c: disk(64, 'c') });

  it.each(['a 0 0', 'a 7 4294967295', 'a 0 0 b 1 5', 'a 0 1 b 1 5 c 8 7'])(
    'are printed as they were given: %s',
    async (args) => {
      const device = await create(`0 16 delay ${args}`, disks());
      expect(table(device)).toBe(args);
      expect(status(device)).toBe('0 0 0');
      await device.close();
    },
  );

  it.each([
    ['', 'Requires exactly 3, 6 or 9 arguments'],
    ['a 0', 'Requires exactly 3, 6 or 9 arguments'],
    ['a 0 0 b', 'Requires exactly 3, 6 or 9 arguments'],
    ['a 0 0 b 0', 'Requires exactly 3, 6 or 9 arguments'],
    ['a 0 0 b 0 0 c', 'Requires exactly 3, 6 or 9 arguments'],
    ['a 0 0 b 0 0 c 0 0 0', 'Requires exactly 3, 6 or 9 arguments'],
    ['a 0 0 b 0 0 c 0 0 a 0 0', 'Requires exactly 3, 6 or 9 arguments'],
    ['a x 0', 'Invalid device sector'],
    ['a -1 0', 'Invalid device sector'],
    ['a 0x10 0', 'Invalid device sector'],
    ['a 0 x', 'Invalid delay'],
    ['a 0 -1', 'Invalid delay'],
    ['a 0 +1', 'Invalid delay'],
    ['a 0 4294967296', 'Invalid delay'],
    ['a x x', 'Invalid device sector'],
    ['nope x 0', 'Invalid device sector'],
    ['nope 0 x', 'Invalid delay'],
    ['a 0 0 b x 0', 'Invalid device sector'],
    ['a 0 0 b 0 x', 'Invalid delay'],
    ['a 0 0 b 0 0 c x 0', 'Invalid device sector'],
    ['a 0 0 b 0 0 c 0 x', 'Invalid delay'],
    ['a 0 0 b x 0 nope y z', 'Invalid device sector'],
  ])('are refused as Linux refuses them: %s', async (args, text) => {
    expect(await failureOf(create(`0 16 delay ${args}`, disks()))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      errno: 'EINVAL',
      message: `delay: ${text}`,
    });
  });

  it.each(['nope 0 0', 'a 0 0 nope 0 0', 'a 0 0 b 0 0 nope 0 0'])(
    'name devices that exist: %s',
    async (args) => {
      const error = await failureOf(create(`0 16 delay ${args}`, disks()));
      expect(error).toMatchObject({ code: 'NO_SUCH_DEVICE', errno: 'ENOENT' });
      expect(error?.message).toMatch(/^delay: Device lookup failed/);
    },
  );

  it.each(['a 60 0', 'a 0 0 b 60 0', 'a 0 0 b 0 0 c 60 0'])(
    'say where every device is large enough: %s',
    async (args) => {
      expect(await codeOf(create(`0 16 delay ${args}`, disks()))).toBe('DEVICE_TOO_SMALL');
    },
  );
});

describe('limits and features of delay', () => {
  it('are those of all its devices together', async () => {
    for (const args of ['coarse 0 0 a 0 0', 'a 0 0 coarse 0 0', 'a 0 0 a 0 0 coarse 0 0']) {
      const coarse = new MemoryDevice(64 * 512, { name: 'coarse', logicalBlockSize: 4096 });
      const device = await create(`0 16 delay ${args}`, { a: disk(64), coarse });
      expect(device.limits.logicalBlockSize).toBe(4096);
      await device.close();
    }
  });

  it('have discard only where every device has it, as in Linux', async () => {
    const without = new LaterDevice(disk(64), { features: { discard: false, multiConnection: false } });
    const all = await create('0 16 delay a 0 0 a 0 0 a 0 0', { a: disk(64) });
    expect(all.features).toMatchObject({ discard: true, multiConnection: true });
    for (const args of ['n 0 0 a 0 0', 'a 0 0 n 0 0', 'a 0 0 a 0 0 n 0 0']) {
      const device = await create(`0 16 delay ${args}`, { a: disk(64), n: without });
      expect(device.features).toMatchObject({ discard: false, multiConnection: false });
    }
  });
});

describe('delay', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('finishes inline what is not delayed', async () => {
    const device = await create('0 16 delay a 0 0', { a: disk(64) });
    expect(device.read(0, new Uint8Array(512))).toBeUndefined();
    expect(device.write(0, new Uint8Array(512), { fua: true })).toBeUndefined();
    expect(device.flush()).toBeUndefined();
    expect(device.discard(0, 512)).toBeUndefined();
    expect(device.writeZeroes(0, 512)).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('sends each class to its device, at its offset, after its delay', async () => {
    const log: string[] = [];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => noting(disk(64, name), log)) as [
      BlockDevice,
      BlockDevice,
      BlockDevice,
    ];
    const device = await create('0 16 delay a 1 30 b 2 20 c 3 10', { a, b, c });
    const from = performance.now();
    const into = new Uint8Array(512);
    const requests = [
      device.read(512, into),
      device.write(512, bytes('x', 512)),
      device.discard(1024, 512),
      device.writeZeroes(1536, 512),
      device.flush(),
    ].map(held);
    expect(status(device)).toBe('1 3 1');
    expect(vi.getTimerCount()).toBe(1);

    await vi.advanceTimersByTimeAsync(9);
    expect(log).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(status(device)).toBe('1 3 0');
    await vi.advanceTimersByTimeAsync(10);
    expect(status(device)).toBe('1 0 0');
    await vi.advanceTimersByTimeAsync(10);
    expect(status(device)).toBe('0 0 0');
    expect(log).toEqual([
      `c flush 0 @${from + 10}`,
      // What was written before lies here.
      `b flush 0 @${from + 10}`,
      `b write 1536 @${from + 20}`,
      `b discard 2048 @${from + 20}`,
      `b writeZeroes 2560 @${from + 20}`,
      `a read 1024 @${from + 30}`,
    ]);
    expect(requests.map(({ ended }) => ended())).toEqual(['done', 'done', 'done', 'done', 'done']);
    expect(into).toEqual(bytes('a', 64 * 512).subarray(1024, 1536));
    expect(vi.getTimerCount()).toBe(0);
    await device.close();
  });

  it('takes writes and flushes together with six arguments', async () => {
    const log: string[] = [];
    const devices = { a: noting(disk(64, 'a'), log), b: noting(disk(64, 'b'), log) };
    const device = await create('0 16 delay a 0 0 b 2 20', devices);
    expect(device.read(0, new Uint8Array(512))).toBeUndefined();
    held(device.write(0, new Uint8Array(512)));
    held(device.flush());
    expect(status(device)).toBe('0 1 1');
    await vi.advanceTimersByTimeAsync(20);
    expect(log.map((line) => line.split(' @')[0])).toEqual(['a read 0', 'b write 1024', 'b flush 0']);
  });

  it('keeps the order of what is due together, over all classes, and the delay of each request', async () => {
    const log: string[] = [];
    const device = await create('0 16 delay a 0 10', { a: noting(disk(64, 'a'), log) });
    const from = performance.now();
    for (const at of [3, 1, 2]) {
      held(device.write(at * 512, new Uint8Array(512)));
      held(device.read(at * 512, new Uint8Array(512)));
    }
    await vi.advanceTimersByTimeAsync(4);
    held(device.flush());
    held(device.write(0, new Uint8Array(512)));
    expect(status(device)).toBe('3 4 1');
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(6);
    expect(status(device)).toBe('0 1 1');
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(4);
    expect(log).toEqual([
      ...[3, 1, 2].flatMap((at) => [`a write ${at * 512} @${from + 10}`, `a read ${at * 512} @${from + 10}`]),
      `a flush 0 @${from + 14}`,
      `a write 0 @${from + 14}`,
    ]);
  });

  it('wakes up earlier for a class that waits less', async () => {
    const device = await create('0 16 delay a 0 1000 a 0 10', { a: disk(64) });
    const read = held(device.read(0, new Uint8Array(512)));
    const write = held(device.write(0, new Uint8Array(512)));
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(10);
    expect([read.ended(), write.ended()]).toEqual(['waits', 'done']);
    await vi.advanceTimersByTimeAsync(990);
    expect(read.ended()).toBe('done');
  });

  it('waits for longer than a timer can', async () => {
    const device = await create('0 16 delay a 0 4294967295', { a: disk(64) });
    const read = held(device.read(0, new Uint8Array(512)));
    await vi.advanceTimersByTimeAsync(4294967294);
    expect(read.ended()).toBe('waits');
    await vi.advanceTimersByTimeAsync(1);
    expect(read.ended()).toBe('done');
  });

  it('passes FUA on, and what may be clobbered', async () => {
    const options: unknown[] = [];
    const memory = disk(64);
    const a = Object.assign(Object.create(memory), {
      size: memory.size,
      limits: memory.limits,
      features: memory.features,
      readOnly: false,
      write: (_at: number, _from: Uint8Array, given: unknown) => void options.push(given),
      close: async () => {},
    });
    const device = await create('0 16 delay a 0 5', { a });
    const given = { fua: true, mayClobber: true };
    held(device.write(0, new Uint8Array(512), given));
    await vi.advanceTimersByTimeAsync(5);
    expect(options).toEqual([given]);
  });

  it('reports what fails to the request that met it, whether at once or later', async () => {
    const fault = await FaultDevice.over(disk(64));
    for (const below of [fault, new LaterDevice(fault)]) {
      const device = await create('0 16 delay a 0 5', { a: below });
      fault.fail({ kind: 'read', errno: 'ENODATA' });
      const failing = held(device.read(0, new Uint8Array(512)));
      const other = held(device.write(0, new Uint8Array(512)));
      await vi.advanceTimersByTimeAsync(5);
      await Promise.all([failing.done, other.done]);
      expect([failing.ended(), other.ended()]).toEqual(['failed', 'done']);
    }
  });

  it('lets everything go at a suspension, in order, and delays nothing until the resume', async () => {
    const log: string[] = [];
    const device = await create('0 16 delay a 0 5000', { a: noting(disk(64, 'a'), log) });
    const from = performance.now();
    const read = held(device.read(512, new Uint8Array(512)));
    const write = held(device.write(0, new Uint8Array(512)));
    await device.suspend();
    await Promise.all([read.done, write.done]);
    expect([read.ended(), write.ended()]).toEqual(['done', 'done']);
    // The flush that belongs to the suspension is not held either.
    expect(log).toEqual([`a read 512 @${from}`, `a write 0 @${from}`, `a flush 0 @${from}`]);
    expect(status(device)).toBe('0 0 0');
    expect(vi.getTimerCount()).toBe(0);

    const next = held(device.read(0, new Uint8Array(512)));
    expect(status(device)).toBe('0 0 0');
    await device.resume();
    await vi.advanceTimersByTimeAsync(0);
    expect(status(device)).toBe('1 0 0');
    await vi.advanceTimersByTimeAsync(4999);
    expect(next.ended()).toBe('waits');
    await vi.advanceTimersByTimeAsync(1);
    expect(next.ended()).toBe('done');
  });

  it('passes what comes between presuspend and resume straight through', async () => {
    const { line, type } = suite('0 16 delay a 0 5000');
    const a = disk(64);
    const target = await type.construct(line, {
      readOnly: false,
      openDevice: async () => a,
      reopenDevice: async () => a,
      deviceLabel: (name) => name,
      raiseEvent: () => {},
    });
    await target.presuspend?.({ flush: true });
    expect(target.read(0, new Uint8Array(512))).toBeUndefined();
    expect(target.flush()).toBeUndefined();
    await target.resume?.();
    const again = held(target.read(0, new Uint8Array(512)));
    expect(target.statusInfo()).toBe('1 0 0');
    await target.destroy();
    await again.done;
    expect(again.ended()).toBe('done');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('goes on delaying after a suspension that did not come about', async () => {
    const fault = await FaultDevice.over(disk(64));
    const device = await create('0 16 delay a 0 50', { a: fault });
    fault.fail({ kind: 'flush' });
    expect(await codeOf(device.suspend())).toBe('IO_ERROR');
    held(device.read(0, new Uint8Array(512)));
    expect(status(device)).toBe('1 0 0');
    await vi.advanceTimersByTimeAsync(50);
    expect(status(device)).toBe('0 0 0');
  });

  it('does not keep a device that is taken away waiting', async () => {
    const device = await create('0 16 delay a 0 4000000', { a: disk(64) });
    const read = held(device.read(0, new Uint8Array(512)));
    await device.close();
    await read.done;
    expect(read.ended()).toBe('done');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives what is held to the table that it was made for, when the table is replaced', async () => {
    const devices = { a: disk(64, 'a'), b: disk(64, 'b') };
    const device = await create('0 16 delay a 0 4000000', devices);
    const into = new Uint8Array(512);
    const read = held(device.read(0, into));
    await device.load(parse('0 16 linear b 0'));
    await device.resume();
    await read.done;
    expect(into).toEqual(bytes('a', 512));
  });
});

function parse(text: string) {
  return [parseTableLine(text)!];
}
