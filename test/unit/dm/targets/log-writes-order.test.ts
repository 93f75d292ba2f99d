import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../../src/block/index.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { LogReplay } from '../../../models/log-replay.ts';
import { bytes, codeOf, create, disk, isSettled } from '../support.ts';
import { closed, entriesIn, log, message, rig, slowDisk, status } from './log-writes-support.ts';

describe('the order of the log', () => {
  it('is W3, W2, flush, W1 where W1 completes after the flush began (log-writes.rst, Log Ordering)', async () => {
    const { slow, writes: later, flushes } = slowDisk();
    const devices = { data: slow, log: log() };
    const device = await create('0 64 log-writes data log', devices);
    const writes = [0, 1, 2].map((sector) => device.write(sector * 512, new Uint8Array(512)));
    later[2].resolve();
    await writes[2];
    later[1].resolve();
    await writes[1];
    const flushed = device.flush();
    later[0].resolve();
    await writes[0];
    expect(status(device)).toBe('0 0');
    flushes[0].resolve();
    await flushed;
    await message(device, 'mark m');
    expect(await entriesIn(devices.log)).toBe('w2+1 w1+1 flush "m"');
    flushes[1].resolve();
    await device.close();
    expect(await entriesIn(closed(devices.log))).toBe('w2+1 w1+1 flush "m" w0+1 flush "dm-log-writes-end"');
  });

  it('loses nothing where a flush ends before one that began earlier', async () => {
    const { slow, writes, flushes } = slowDisk();
    const devices = { data: slow, log: log() };
    const device = await create('0 64 log-writes data log', devices);
    const write = async (sector: number): Promise<void> => {
      const done = device.write(sector * 512, new Uint8Array(512));
      writes[sector]?.resolve();
      await done;
    };
    await write(0);
    const early = device.flush();
    await write(1);
    const late = device.flush();
    await write(2);
    flushes[1].resolve();
    await late;
    await message(device, 'mark late');
    expect(await entriesIn(devices.log)).toBe('w0+1 w1+1 flush "late"');
    flushes[0].resolve();
    await early;
    await message(device, 'mark early');
    expect(await entriesIn(devices.log)).toBe('w0+1 w1+1 flush "late" flush "early"');
    await device.suspend({ flush: false });
    await device.close();
    expect(await entriesIn(closed(devices.log))).toBe(
      'w0+1 w1+1 flush "late" flush "early" w2+1 "dm-log-writes-end"',
    );
  });

  it('has FUA writes when they complete, before what waits for a flush', async () => {
    const { device, log } = await rig();
    await device.write(0, new Uint8Array(512));
    await device.discard(8 * 512, 512);
    await device.write(2 * 512, new Uint8Array(512), { fua: true });
    await device.writeZeroes(3 * 512, 512, { fua: true });
    await message(device, 'mark m');
    expect(await entriesIn(log)).toBe('fua2+1 fua3+1 "m"');
    await device.flush();
    await message(device, 'mark n');
    expect(await entriesIn(log)).toBe('fua2+1 fua3+1 "m" w0+1 d8+1 flush "n"');
    await device.close();
  });

  it('has failed writes, discards and flushes too, as in Linux', async () => {
    const fault = await FaultDevice.over(disk(64));
    const devices = { data: fault, log: log() };
    const device = await create('0 64 log-writes data log', devices);
    for (let round = 0; round < 2; round++) {
      fault.fail({ times: 5 });
      expect(await codeOf(() => device.write(0, new Uint8Array(512)))).toBe('IO_ERROR');
      expect(await codeOf(() => device.discard(512, 512))).toBe('IO_ERROR');
      expect(await codeOf(() => device.writeZeroes(1024, 512))).toBe('IO_ERROR');
      expect(await codeOf(() => device.flush())).toBe('IO_ERROR');
      expect(await codeOf(() => device.write(512, new Uint8Array(512), { fua: true }))).toBe('IO_ERROR');
      fault.heal();
    }
    await message(device, 'mark m');
    const once = 'w0+1 d1+1 w2+1 flush fua1+1';
    expect(await entriesIn(devices.log)).toBe(`${once} ${once} "m"`);
    await device.close();
  });

  it('has discards that the device below does not take', async () => {
    const data = disk(64);
    const plain = new LaterDevice(data, { features: { discard: false } });
    const before = data.content.slice();
    const devices = { data: plain, log: log() };
    const device = await create('0 64 log-writes data log', devices);
    expect(device.features.discard).toBe(true);
    expect(device.limits.discardGranularity).toBe(512);
    await device.discard(0, 4096);
    await device.flush();
    await message(device, 'mark m');
    expect(await entriesIn(devices.log)).toBe('d0+8 flush "m"');
    expect(Buffer.from(data.content).equals(before)).toBe(true);
    await device.close();
  });

  it('stays the same however the log device takes its time, in few writes', async () => {
    const logs: Uint8Array[] = [];
    for (const slow of [false, true]) {
      const content = log(16384);
      const fault = await FaultDevice.over(content);
      const device = await create('0 8192 log-writes data log', {
        data: disk(8192),
        log: slow ? new LaterDevice(fault) : fault,
      });
      for (let i = 0; i < 200; i++) await device.write(i * 4096, bytes(`data ${i}`, 4096));
      const flushed = device.flush();
      await message(device, 'mark m');
      await flushed;
      // 200 entries of 9 sectors: one megabyte at most in one write, and the super block.
      expect(fault.log.length).toBeLessThanOrEqual(4);
      await device.write(0, bytes('large', 3 << 20));
      await device.close();
      logs.push(content.content.slice());
    }
    expect(Buffer.from(logs[0]!).equals(logs[1]!)).toBe(true);
  });

  it('never has two writers', async () => {
    const content = log();
    const slow = new LaterDevice(content);
    const device = await create('0 1024 log-writes data log', {
      data: new LaterDevice(disk(1024)),
      log: slow,
    });
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        await device.write(i * 512, bytes(`${i}`, 512), { fua: i % 2 === 0 });
        if (i % 7 === 0) await device.flush();
      }),
    );
    await device.close();
    expect(slow.mostRunning).toBe(1);
    const { entries } = await LogReplay.read(closed(content));
    expect(entries.filter(({ length }) => length > 0)).toHaveLength(100);
    for (const { offset, data } of entries) {
      if (data.length > 0) expect(Buffer.from(data).equals(bytes(`${offset / 512}`, 512))).toBe(true);
    }
  });

  it('holds writes back while far too much waits for the log device', async () => {
    const content = log(400_000);
    const slow = new LaterDevice(content);
    const device = await create('0 131072 log-writes data log', { data: disk(131072), log: slow });
    slow.hold();
    const large = new Uint8Array(16 << 20);
    for (let i = 0; i < 4; i++) await device.write(0, large, { fua: true });
    const held = Promise.resolve(device.write(0, large));
    expect(await isSettled(held)).toBe(false);
    slow.release();
    await held;
    await device.close();
    expect((await LogReplay.read(closed(content))).entries).toHaveLength(7);
  });
});

describe('a log that ends early', () => {
  it('when it is full: the last sector stays free, requests go on', async () => {
    const { device, data, log } = await rig(64, 20);
    for (const [entries, highest] of [
      [1, 2],
      [2, 4],
      [3, 6],
    ]) {
      await device.write(512, bytes('data', 512), { fua: true });
      expect(status(device)).toBe(`${entries} ${highest}`);
    }
    await device.write(0, new Uint8Array(11 * 512), { fua: true });
    expect(status(device)).toBe('4 18');
    await device.write(512, bytes('more', 512), { fua: true });
    expect(status(device)).toBe('4 20 logging_disabled');
    await device.write(512, bytes('most', 512), { fua: true });
    await message(device, 'mark m');
    await device.flush();
    expect(status(device)).toBe('4 20 logging_disabled');
    expect(Buffer.from(data.content.subarray(512, 1024)).equals(bytes('most', 512))).toBe(true);
    await device.close();
    expect(await entriesIn(closed(log))).toBe('fua1+1 fua1+1 fua1+1 fua0+11');
    expect(
      Buffer.from(log.content.subarray(19 * 512)).equals(bytes('old log', 20 * 512).subarray(19 * 512)),
    ).toBe(true);
  });

  it('when one sector would be used too many', async () => {
    const { device } = await rig(64, 20);
    await device.write(0, new Uint8Array(17 * 512));
    await device.flush();
    expect(status(device)).toBe('1 19 logging_disabled');
    await device.close();
  });

  it('when its blocks are larger than those of the logged device', async () => {
    const large = new MemoryDevice(1 << 20, { logicalBlockSize: 4096 });
    const device = await create('0 64 log-writes data log', { data: disk(64), log: large });
    await device.write(0, new Uint8Array(4096));
    await device.flush();
    expect(status(device)).toBe('1 9 logging_disabled');
    await message(device, 'mark m');
    await device.close();
    expect(large.content.every((byte) => byte === 0)).toBe(true);
  });

  it.each([false, true])('at the entry that cannot be written, later %s', async (later) => {
    const content = log();
    const fault = await FaultDevice.over(content);
    const device = await create('0 64 log-writes data log', {
      data: disk(64),
      log: later ? new LaterDevice(fault) : fault,
    });
    await device.write(0, bytes('fua', 512), { fua: true });
    fault.fail({ kind: 'write', offset: 8 * 512, length: 512, times: Number.POSITIVE_INFINITY });
    for (let i = 1; i < 6; i++) await device.write(i * 512, bytes(`${i}`, 512));
    await device.flush();
    await message(device, 'mark m');
    // Entries of two sectors: the second one begins at 3, the fourth at 7.
    expect(status(device)).toBe('4 8 logging_disabled');
    await device.write(0, new Uint8Array(512), { fua: true });
    await device.close();
    expect((await LogReplay.read(closed(content))).head.entries).toBe(1);
    expect(Buffer.from(content.content.subarray(6 * 512, 7 * 512)).equals(bytes('2', 512))).toBe(true);
    expect(content.content.subarray(7 * 512).every((byte) => byte === 0)).toBe(true);
  });

  it('not when a write of many entries failed that succeeds when tried again', async () => {
    const content = log();
    const fault = await FaultDevice.over(content);
    const device = await create('0 64 log-writes data log', { data: disk(64), log: fault });
    fault.fail({ kind: 'write' });
    for (let i = 0; i < 6; i++) await device.write(i * 512, bytes(`${i}`, 512));
    await device.flush();
    await message(device, 'mark m');
    expect(await entriesIn(content)).toBe('w0+1 w1+1 w2+1 w3+1 w4+1 w5+1 flush "m"');
    await device.close();
  });

  it('with a read-only table, whose devices are not for writing', async () => {
    const readOnly = new MemoryDevice(1 << 20, { readOnly: true });
    const device = await create(
      '0 64 log-writes data log',
      { data: disk(64), log: readOnly },
      { readOnly: true },
    );
    await message(device, 'mark m');
    expect(status(device)).toBe('1 1 logging_disabled');
    await device.close();
    expect(readOnly.content.every((byte) => byte === 0)).toBe(true);
  });
});
