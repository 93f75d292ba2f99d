import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../../../src/block/index.ts';
import { Requeue } from '../../../../src/dm/index.ts';
import { multipathTarget } from '../../../../src/dm/targets/multipath/index.ts';
import { parseTable, parseTableLine } from '../../../../src/table/index.ts';
import { bytes, codeOf, disk, failureOf } from '../support.ts';
import { isSettled, line, type Rig, rig, SIZE } from './multipath-support.ts';

const TWO = '0 0 1 1 round-robin 0 2 1 a 1 b 1';
const QUEUE = '1 queue_if_no_path 0 1 1 round-robin 0 2 1 a 1 b 1';
const ALWAYS = { times: Number.POSITIVE_INFINITY };

function breakWays(made: Rig, names: string, rule: FaultRule = {}): void {
  for (const name of names) made.ways[name]!.fault.fail({ ...ALWAYS, ...rule });
}

const KINDS = ['read', 'write', 'fua write', 'discard', 'writeZeroes', 'flush'] as const;

/** A request of any kind to the third block. */
function request(made: Rig, kind: (typeof KINDS)[number]): () => Promise<void> {
  const { device } = made;
  const data = bytes(kind, 512);
  return async () => {
    switch (kind) {
      case 'read':
        return await device.read(1024, data);
      case 'write':
        return await device.write(1024, data, { mayClobber: true });
      case 'fua write':
        return await device.write(1024, data, { fua: true });
      case 'discard':
        return await device.discard(1024, 512);
      case 'writeZeroes':
        return await device.writeZeroes(1024, 512);
      case 'flush':
        return await device.flush();
    }
  };
}

describe.each([false, true])('over paths that end requests later: %s', (later) => {
  describe.each(KINDS)('%s', (kind) => {
    it('goes another way when its path fails', async () => {
      const made = await rig(TWO, { later });
      breakWays(made, 'a');
      await request(made, kind)();
      expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0');
      expect(made.device.info.eventNumber).toBe(1);
      if (kind === 'write') expect(made.content.subarray(1024, 1536)).toEqual(bytes(kind, 512));
      await request(made, kind)();
      expect(made.ways.a!.requests).toHaveLength(1);
      await made.device.close();
    });

    it('fails with EIO when no path is left', async () => {
      const made = await rig(TWO, { later });
      breakWays(made, 'ab', { errno: 'ETIMEDOUT' });
      const error = await failureOf(request(made, kind));
      expect(error).toMatchObject({ code: 'IO_ERROR', errno: 'EIO', cause: { errno: 'ETIMEDOUT' } });
      expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 F 1');
      expect(made.device.info.eventNumber).toBe(2);
      // No path is asked any more.
      expect(await failureOf(request(made, kind))).toMatchObject({ code: 'IO_ERROR', errno: 'EIO' });
      expect(made.status()).toBe('2 0 0 0 1 1 E 0 2 0 7:0 F 1 7:1 F 1');
      expect([made.ways.a!.requests, made.ways.b!.requests].flat()).toHaveLength(2);
    });

    it.each(['EOPNOTSUPP', 'ENOSPC', 'EREMOTEIO', 'EBADE', 'ENODATA', 'EILSEQ', 'EINVAL', 'EROFS', 'EPERM'])(
      'fails with %s, which is not the path to blame',
      async (errno) => {
        const made = await rig(TWO, { later });
        breakWays(made, 'a', { errno });
        expect((await failureOf(request(made, kind)))?.errno).toBe(errno);
        expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 A 0 7:1 A 0');
        expect(made.device.info.eventNumber).toBe(0);
        expect(made.ways.b!.requests.filter((text) => text !== 'flush')).toEqual([]);
      },
    );

    it('waits for a path with queue_if_no_path', async () => {
      const made = await rig(QUEUE, { later });
      breakWays(made, 'ab');
      const done = request(made, kind)();
      const behind = request(made, kind)();
      expect(await isSettled(done)).toBe(false);
      expect(await isSettled(behind)).toBe(false);
      made.ways.b!.fault.heal();
      await made.device.message(0, ['reinstate_path', 'b']);
      await Promise.all([done, behind]);
      expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 1');
      await made.device.close();
    });

    it('that waited fails when it may wait no longer', async () => {
      const made = await rig(QUEUE, { later });
      breakWays(made, 'ab');
      const done = failureOf(request(made, kind)());
      expect(await isSettled(done)).toBe(false);
      await made.device.message(0, ['fail_if_no_path']);
      expect(await done).toMatchObject({ code: 'IO_ERROR', errno: 'EIO' });
      expect(made.table()).toMatch(/^0 /);
    });

    it('that waited fails when the device is suspended with flush', async () => {
      const made = await rig(QUEUE, { later });
      breakWays(made, 'ab');
      const done = failureOf(request(made, kind)());
      expect(await isSettled(done)).toBe(false);
      await made.device.suspend();
      expect(await done).toMatchObject({ code: 'IO_ERROR', errno: 'EIO' });
      // The mode is back after the resume.
      expect(made.table()).toMatch(/^0 0 /);
      await made.device.resume();
      expect(made.table()).toMatch(/^1 queue_if_no_path 0 /);
    });

    it('that waited goes through the next table after a suspension without flush', async () => {
      const made = await rig(QUEUE, { later });
      breakWays(made, 'ab');
      const done = request(made, kind)();
      expect(await isSettled(done)).toBe(false);
      await made.device.suspend({ flush: false });
      await made.device.resume();
      expect(await isSettled(done)).toBe(false);
      await made.device.suspend({ flush: false });
      await made.device.load(parseTable(line('0 0 1 1 queue-length 0 1 1 c 1')));
      expect(await isSettled(done)).toBe(false);
      await made.device.resume();
      await done;
      expect(made.ways.c!.requests).toHaveLength(1);
      await made.device.close();
    });

    it('that waits when the device is closed fails', async () => {
      const made = await rig(QUEUE, { later });
      breakWays(made, 'ab');
      const done = codeOf(request(made, kind)());
      expect(await isSettled(done)).toBe(false);
      await made.device.close();
      expect(await done).toBe('IO_ERROR');
    });
  });

  it('whatever is under way on a path that breaks goes another way', async () => {
    const made = await rig(TWO, { later: true });
    const { device, ways } = made;
    ways.a!.later.hold();
    const data = Array.from({ length: 32 }, (_, index) => bytes(`${index}`, 512));
    const done = data.map((block, index) => device.write(index * 512, block, { mayClobber: true }));
    expect(await isSettled(Promise.all(done))).toBe(false);
    breakWays(made, 'a');
    ways.a!.later.release();
    await Promise.all(done);
    expect(Buffer.concat(data).equals(made.content.subarray(0, 32 * 512))).toBe(true);
    // One failure, however many requests met it.
    expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0');
    expect(device.info.eventNumber).toBe(1);
    await device.close();
  });

  it('requests that fail during a suspension without flush wait for the resume', async () => {
    const made = await rig(TWO, { later: true });
    for (const name of 'ab') made.ways[name]!.later.hold();
    const done = Promise.all([made.device.read(0, new Uint8Array(512)), made.device.flush()]);
    const suspended = made.device.suspend({ flush: false });
    expect(await isSettled(suspended)).toBe(false);
    breakWays(made, 'ab');
    for (const name of 'ab') made.ways[name]!.later.release();
    await suspended;
    expect(await isSettled(done)).toBe(false);
    for (const name of 'ab') made.ways[name]!.fault.heal();
    await made.device.resume();
    expect(await codeOf(done)).toBe('IO_ERROR');
    await made.device.close();
  });
});

describe('the target by itself', () => {
  it('gives requests back in a suspension without flush only, and as a promise', async () => {
    const disks = { a: disk(8, 'a') };
    const target = await multipathTarget.construct(
      parseTableLine('0 8 multipath 0 0 1 1 round-robin 0 1 0 a')!,
      {
        readOnly: false,
        openDevice: async () => disks.a,
        reopenDevice: async () => disks.a,
        deviceLabel: (name) => name,
        raiseEvent: () => {},
      },
    );
    await target.message!(['fail_path', 'a']);
    const outcome = () =>
      Promise.resolve(target.read(0, new Uint8Array(512))).catch((error: unknown) => error);
    expect(await outcome()).toMatchObject({ code: 'IO_ERROR' });
    await target.presuspend!({ flush: true });
    expect(await outcome()).toMatchObject({ code: 'IO_ERROR' });
    await target.presuspendUndo!();
    await target.presuspend!({ flush: false });
    expect(await outcome()).toBeInstanceOf(Requeue);
    await target.presuspendUndo!();
    expect(await outcome()).toMatchObject({ code: 'IO_ERROR' });
    await target.destroy();
  });
});

describe('a write', () => {
  it('gives no path the right to change the buffer', async () => {
    const made = await rig(TWO);
    breakWays(made, 'a');
    const data = bytes('data', 4096);
    await made.device.write(0, data, { mayClobber: true });
    expect(data).toEqual(bytes('data', 4096));
    expect(made.content.subarray(0, 4096)).toEqual(data);
    await made.device.write(0, data, { mayClobber: true, fua: true });
    expect(made.ways.b!.requests).toEqual(['write 0 4096', 'write 0 4096 fua']);
    expect(data).toEqual(bytes('data', 4096));
  });
});

describe('a flush', () => {
  it('goes to every path with something to make stable, and to one at least', async () => {
    const made = await rig('0 0 2 1 round-robin 0 2 1 a 1 b 1 round-robin 0 1 1 c 1');
    const { device, ways } = made;
    const flushes = () => [...'abc'].map((name) => ways[name]!.requests.filter((r) => r === 'flush').length);
    // Nobody knows what was left in the caches before.
    await device.flush();
    expect(flushes()).toEqual([1, 1, 1]);
    await device.flush();
    await device.flush();
    expect(flushes()).toEqual([2, 2, 1]);
    await device.write(0, new Uint8Array(512));
    await device.flush();
    // `b` had the write, `a` the turn.
    expect(flushes()).toEqual([3, 3, 1]);
    await device.write(0, new Uint8Array(512));
    await device.message(0, ['switch_group', '2']);
    await device.flush();
    expect(flushes()).toEqual([3, 4, 2]);
    await device.write(0, new Uint8Array(512), { fua: true });
    await device.discard(0, 512);
    await device.flush();
    await device.flush();
    expect(flushes()).toEqual([3, 4, 4]);
    await device.close();
  });

  it.each([false, true])(
    'has nothing to do after FUA, over paths that end requests later: %s',
    async (later) => {
      const made = await rig('0 0 2 1 round-robin 0 1 1 a 1 round-robin 0 1 1 b 1', { later });
      const { device, ways } = made;
      await device.flush();
      await device.write(0, new Uint8Array(512), { fua: true });
      await device.writeZeroes(0, 512, { fua: true });
      await device.message(0, ['switch_group', '2']);
      await device.flush();
      expect(ways.a!.requests).toEqual(['flush', 'write 0 512 fua', 'zeroes 0 512']);
      expect(ways.b!.requests).toEqual(['flush', 'flush']);
      await device.message(0, ['switch_group', '1']);
      await device.writeZeroes(0, 512);
      await device.message(0, ['switch_group', '2']);
      await device.flush();
      expect(ways.a!.requests.at(-1)).toBe('flush');
      await device.close();
    },
  );

  it('covers what one that has not ended yet was to cover', async () => {
    const made = await rig('0 0 1 1 round-robin 0 1 1 a 1', { later: true });
    const { device, ways } = made;
    await device.write(0, new Uint8Array(512));
    ways.a!.later.hold();
    const first = device.flush();
    const second = device.flush();
    expect(await isSettled(Promise.resolve(second))).toBe(false);
    ways.a!.later.release();
    await Promise.all([first, second]);
    expect(ways.a!.requests).toEqual(['write 0 512', 'flush', 'flush']);
  });

  it('is repeated where writes were completed while it was under way', async () => {
    const made = await rig('0 0 2 1 round-robin 0 1 1 a 1 round-robin 0 1 1 b 1', { later: true });
    const { device, ways } = made;
    await device.flush();
    ways.a!.later.hold();
    // The write ends before the flush does, but had not when the flush began.
    const done = [device.write(0, new Uint8Array(512)), device.flush()];
    expect(await isSettled(Promise.all(done))).toBe(false);
    ways.a!.later.release();
    await Promise.all(done);
    await device.message(0, ['switch_group', '2']);
    await device.flush();
    expect(ways.a!.requests.filter((text) => text === 'flush')).toHaveLength(3);
  });

  it('fails where the device says that it could not keep what was written through it', async () => {
    const made = await rig('0 0 1 1 round-robin 0 2 1 a 1 b 1');
    await made.device.write(0, new Uint8Array(512));
    breakWays(made, 'a', { kind: 'flush' });
    expect(await failureOf(() => made.device.flush())).toMatchObject({ errno: 'EIO' });
    expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0');
    await made.device.flush();
  });

  it('succeeds where a path is lost and another one is left', async () => {
    const made = await rig('0 0 1 1 round-robin 0 2 1 a 1 b 1');
    await made.device.write(0, new Uint8Array(512));
    breakWays(made, 'a', { kind: 'flush', errno: 'ENXIO' });
    await made.device.flush();
    expect(made.status()).toBe('2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0');
    expect(made.ways.b!.requests).toEqual(['flush']);
  });

  it('goes another way where the only path that had something to make stable is lost', async () => {
    const made = await rig('0 0 2 1 round-robin 0 1 1 a 1 round-robin 0 1 1 b 1');
    await made.device.flush();
    await made.device.write(0, new Uint8Array(512));
    breakWays(made, 'a', { kind: 'flush', errno: 'ENXIO' });
    await made.device.flush();
    expect(made.ways.b!.requests).toEqual(['flush', 'flush']);
  });

  it('keeps no suspension from succeeding that has no path', async () => {
    const made = await rig(TWO);
    await made.device.message(0, ['fail_path', 'a']);
    await made.device.message(0, ['fail_path', 'b']);
    await made.device.suspend();
    await made.device.resume();
    expect(await failureOf(() => made.device.flush())).toMatchObject({ errno: 'EIO' });
    await made.device.close();
  });
});

describe('what is under way', () => {
  it('is counted until it ends, well or not', async () => {
    const made = await rig('0 0 2 1 queue-length 0 2 1 a 1 b 1 service-time 0 1 1 c 1', { later: true });
    const { device, ways } = made;
    for (const name of 'abc') ways[name]!.later.hold();
    const done = [0, 1, 2].map((index) => device.read(index * 512, new Uint8Array(512)));
    expect(made.status()).toBe('2 0 0 0 2 1 A 0 2 1 7:0 A 0 2 7:1 A 0 1 E 0 1 2 7:2 A 0 0 1');
    await device.message(0, ['switch_group', '2']);
    done.push(device.write(0, new Uint8Array(2048)), device.flush());
    expect(made.status()).toBe('2 0 0 0 2 2 E 0 2 1 7:0 A 0 3 7:1 A 0 2 A 0 1 2 7:2 A 0 2048 1');
    breakWays(made, 'a', { kind: 'read' });
    for (const name of 'abc') ways[name]!.later.release();
    await Promise.all(done);
    expect(made.status()).toBe('2 0 0 0 2 2 E 0 2 1 7:0 F 1 0 7:1 A 0 0 A 0 1 2 7:2 A 0 0 1');
    await device.close();
  });
});

describe('extents', () => {
  it('are those of a path, or everything is allocated', async () => {
    const made = await rig(TWO);
    expect(await made.device.extents(0, SIZE)).toEqual([{ length: SIZE, hole: false, zero: false }]);
    await made.device.close();
  });
});
