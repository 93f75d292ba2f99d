import { describe, expect, it } from 'vitest';
import { type BlockDevice, FaultDevice, MemoryDevice } from '../../../../src/block/index.ts';
import type { MappedDevice, TargetType } from '../../../../src/dm/index.ts';
import { logWritesTarget } from '../../../../src/dm/targets/log-writes/index.ts';
import { formatTable, parseTableLine, splitArgs } from '../../../../src/table/index.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { FLAGS, LogReplay } from '../../../models/log-replay.ts';
import { targetSuite } from '../../../suites/target.ts';
import { bytes, codeOf, create, disk, failureOf, isSettled } from '../support.ts';

/** The suite looks at what reaches the devices below; the log device has a life of its own. */
function over(log: () => BlockDevice): TargetType {
  return {
    ...logWritesTarget,
    construct(line, context) {
      const openDevice = (name: string) =>
        name === 'log' ? Promise.resolve(log()) : context.openDevice(name);
      return logWritesTarget.construct(line, { ...context, openDevice });
    },
  };
}

const LINE = parseTableLine('0 4096 log-writes disk log')!;
const suite = (type: TargetType) => ({ type, line: LINE, data: 'kept' as const });
const log = (sectors = 65536) => new MemoryDevice(sectors * 512, { name: 'log' });

targetSuite('log-writes', suite(over(log)));
targetSuite('log-writes with a slow log', suite(over(() => new LaterDevice(log()))));
targetSuite('log-writes whose log is full', suite(over(() => log(8))));
targetSuite('log-writes whose log fails', suite(over(() => new MemoryDevice(1 << 20, { readOnly: true }))));

const status = (device: MappedDevice) => device.status()[0]?.info;
/** What is in a device that was closed. */
const closed = ({ content }: MemoryDevice) => new MemoryDevice(content);
const message = (device: MappedDevice, words: string) => device.message(0, splitArgs(words));
/** What the log holds, an entry a word: `w3+2` and so on, in sectors of the log. */
const entriesIn = async (device: BlockDevice): Promise<string> => {
  const replay = await LogReplay.read(device);
  return replay.entries
    .map(({ offset, length, flags, text }) => {
      const { sectorSize } = replay.head;
      const place = `${offset / sectorSize}+${length / sectorSize}`;
      if (flags === FLAGS.mark) return `"${text}"`;
      if (flags === FLAGS.flush) return 'flush';
      return `${{ 0: 'w', [FLAGS.fua]: 'fua', [FLAGS.discard]: 'd' }[flags]}${place}`;
    })
    .join(' ');
};

interface Rig {
  readonly device: MappedDevice;
  readonly data: MemoryDevice;
  readonly log: MemoryDevice;
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** A disk whose writes, by their sector, and flushes end when they are told to. Its third flush ends at once. */
function slowDisk() {
  const data = disk(64);
  const writes = [deferred(), deferred(), deferred()] as const;
  const flushes = [deferred(), deferred()] as const;
  let flushed = 0;
  const slow: BlockDevice = {
    ...{ name: 'slow', size: data.size, readOnly: false, limits: data.limits, features: data.features },
    read: (offset, into) => data.read(offset, into),
    write: (offset) => writes[offset / 512]?.promise,
    flush: () => flushes[flushed++]?.promise,
    discard: () => {},
    writeZeroes: () => {},
    close: async () => {},
  };
  return { slow, writes, flushes };
}

async function rig(sectors = 1024, logSectors = 4096): Promise<Rig> {
  const devices = { data: disk(sectors), log: new MemoryDevice(bytes('old log', logSectors * 512)) };
  return { ...devices, device: await create(`0 ${sectors} log-writes data log`, devices) };
}

describe('the arguments of log-writes', () => {
  it('are printed as they were given; more than two are forgotten', async () => {
    const devices = { data: disk(64), log: log() };
    const device = await create('0 64 log-writes data log and more', devices);
    expect(formatTable(device.table())).toBe('0 64 log-writes data log\n');
    expect(device.info.dependencies).toEqual(['data', 'log']);
    await device.close();
  });

  it.each([
    ['', 'log-writes: Invalid argument count'],
    ['data', 'log-writes: Invalid argument count'],
    ['nope log', 'log-writes: Device lookup failed: no nope'],
    ['data nope', 'log-writes: Log device lookup failed: no nope'],
    ['nope nopenope', 'log-writes: Device lookup failed: no nope'],
  ])('are refused in the words of Linux: %s', async (args, text) => {
    const failure = await failureOf(create(`0 64 log-writes ${args}`, { data: disk(64), log: log() }));
    expect(failure?.message).toBe(text);
  });

  it('need a device that is large enough, and a log of any size', async () => {
    const devices = { data: disk(64, 'data'), log: log(1) };
    const failure = await failureOf(create('0 65 log-writes data log', devices));
    expect(failure).toMatchObject({
      code: 'DEVICE_TOO_SMALL',
      message: 'data too small for target: start=0, len=65, dev_size=64',
    });
    const fitting = { data: disk(64), log: log(1) };
    await (await create('0 64 log-writes data log', fitting)).close();
  });
});

describe('the log', () => {
  it('is nothing until something is logged', async () => {
    const { device, log } = await rig();
    expect(status(device)).toBe('0 0');
    await device.write(0, new Uint8Array(512));
    expect(status(device)).toBe('0 0');
    expect(Buffer.from(log.content).equals(bytes('old log', log.size))).toBe(true);
    await device.close();
  });

  it('has the bytes that Linux writes', async () => {
    const { device, log } = await rig();
    await device.write(3 * 512, bytes('one', 1024));
    await device.discard(8 * 512, 16 * 512);
    await device.flush();
    await device.write(5 * 512, bytes('two', 512), { fua: true });
    await message(device, 'mark here');
    const u64 = (...values: number[]) => Buffer.from(BigUint64Array.from(values.map(BigInt)).buffer);
    const block = (...parts: Uint8Array[]) => Buffer.concat([...parts, Buffer.alloc(512)], 512);
    const expected = [
      block(Buffer.from('7268737766736a00', 'hex'), u64(1, 5, 512)),
      block(u64(3, 2, 0, 0)),
      bytes('one', 1024),
      block(u64(8, 16, 4, 0)),
      block(u64(0, 0, 1, 0)),
      block(u64(5, 1, 2, 0)),
      bytes('two', 512),
      block(u64(0, 0, 8, 4), Buffer.from('here')),
    ];
    const content = Buffer.concat(expected);
    expect(Buffer.from(log.content.subarray(0, content.length)).equals(content)).toBe(true);
    const rest = bytes('old log', log.size).subarray(content.length);
    expect(Buffer.from(log.content.subarray(content.length)).equals(rest)).toBe(true);
    expect(status(device)).toBe('5 8');
    await device.close();
  });

  it('counts blocks of the logged device, whatever those of the log device are', async () => {
    const devices = { data: new MemoryDevice(1 << 20, { logicalBlockSize: 4096 }), log: log() };
    const device = await create('0 2048 log-writes data log', devices);
    expect(status(device)).toBe('0 7');
    await device.write(8192, bytes('data', 12288), { fua: true });
    await message(device, `mark ${'x'.repeat(5000)}`);
    const { head, entries } = await LogReplay.read(devices.log);
    expect(head).toEqual({ entries: 2, sectorSize: 4096 });
    expect(entries[0]).toMatchObject({ offset: 8192, length: 12288, flags: FLAGS.fua });
    expect(entries[1]?.text).toBe('x'.repeat(4063));
    expect(status(device)).toBe(`2 ${8 + 8 + 24 + 8 - 1}`);
    await device.close();
  });

  it('has places as they are on the mapped device, from where the device below is used', async () => {
    const devices = { a: disk(64), data: disk(256), log: log() };
    const before = devices.data.content.slice();
    const device = await create('0 64 linear a 0\n64 128 log-writes data log\n192 8 zero', devices);
    const content = bytes('across', 140 * 512);
    await device.write(60 * 512, content);
    await device.flush();
    await device.message(64, ['mark', 'm']);
    expect(await entriesIn(devices.log)).toBe('w64+128 flush "m"');
    const expected = before.slice();
    expected.set(content.subarray(4 * 512, 132 * 512), 64 * 512);
    expect(Buffer.from(devices.data.content).equals(expected)).toBe(true);
    const back = new Uint8Array(content.length);
    await device.read(60 * 512, back);
    expect(Buffer.from(back.subarray(0, 132 * 512)).equals(content.subarray(0, 132 * 512))).toBe(true);
    await device.close();
  });

  it('refuses a device that ends before the line does', async () => {
    const devices = { a: disk(64), data: disk(64, 'data'), log: log() };
    expect(await codeOf(create('0 64 linear a 0\n64 64 log-writes data log', devices))).toBe(
      'DEVICE_TOO_SMALL',
    );
  });

  it('has zeroes as data, 2048 sectors an entry', async () => {
    const { device, data, log } = await rig(8192, 16384);
    await device.writeZeroes(100 * 512, 5000 * 512);
    await device.flush();
    await message(device, 'mark m');
    expect(await entriesIn(log)).toBe('w100+2048 w2148+2048 w4196+904 flush "m"');
    expect(data.content.subarray(100 * 512, 5100 * 512).every((byte) => byte === 0)).toBe(true);
    const { entries } = await LogReplay.read(log);
    expect(entries.every(({ data }) => data.every((byte) => byte === 0))).toBe(true);
    expect(await codeOf(() => device.writeZeroes(0, 512, { fast: true }))).toBe('NOT_SUPPORTED');
    await device.close();
  });

  it('has the end mark, and before it what no flush covered', async () => {
    const { device, log } = await rig();
    await device.write(0, new Uint8Array(512));
    await device.suspend({ flush: false });
    await device.close();
    expect(await entriesIn(closed(log))).toBe('w0+1 "dm-log-writes-end"');
  });

  it('has the flush of a suspension, and is complete then', async () => {
    const devices = { data: disk(1024), log: new LaterDevice(log()) };
    const device = await create('0 1024 log-writes data log', devices);
    for (let i = 0; i < 20; i++) await device.write(i * 512, new Uint8Array(512), { fua: i % 3 === 0 });
    await device.suspend();
    expect(devices.log.running).toBe(0);
    const written = await LogReplay.read(devices.log);
    // The super block tells of the entries up to the last FUA write.
    expect(written.head.entries).toBe(7);
    await message(device, 'mark suspended');
    const words = (await entriesIn(devices.log)).split(' ');
    expect(words).toHaveLength(22);
    expect(words.slice(20)).toEqual(['flush', '"suspended"']);
    await device.close();
  });

  it('holds what was written, though the device below may change the buffer', async () => {
    const key = '5a'.repeat(64);
    const devices = { data: disk(1024), log: log() };
    const crypt = await create(`0 1024 crypt aes-xts-plain64 ${key} 0 data 0`, devices, { name: 'crypt' });
    const device = await create('0 1024 log-writes crypt log', { crypt: crypt.open(), log: devices.log });
    const content = bytes('plain', 8192);
    await device.write(0, content.slice(), { mayClobber: true, fua: true });
    const { entries } = await LogReplay.read(devices.log);
    expect(Buffer.from(entries[0]!.data).equals(content)).toBe(true);
    await device.close();
    await crypt.close();
  });

  it('is not harmed by a log device that changes buffers', async () => {
    const key = '5a'.repeat(64);
    const below = disk(4096);
    const crypt = await create(`0 4096 crypt aes-xts-plain64 ${key} 0 below 0`, { below }, { name: 'crypt' });
    const device = await create('0 1024 log-writes data log', { data: disk(1024), log: crypt.open() });
    for (let i = 0; i < 8; i++) await device.write(i * 4096, bytes(`data ${i}`, 4096));
    await device.flush();
    await message(device, 'mark m');
    const { entries } = await LogReplay.read(crypt);
    for (let i = 0; i < 8; i++)
      expect(Buffer.from(entries[i]!.data).equals(bytes(`data ${i}`, 4096))).toBe(true);
    await device.close();
    await crypt.close();
  });
});

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

describe('messages to log-writes', () => {
  it('are mark, in any case', async () => {
    const { device, log } = await rig();
    expect(await message(device, 'MARK grüße')).toBe('');
    expect(await message(device, `mark ${'é'.repeat(300)}`)).toBe('');
    const { entries } = await LogReplay.read(log);
    expect(entries[0]?.text).toBe('grüße');
    // 479 bytes: a character may be cut, as in Linux.
    expect(log.content.subarray(2 * 512 + 24, 2 * 512 + 32)).toEqual(
      Uint8Array.of(0xdf, 1, 0, 0, 0, 0, 0, 0),
    );
    expect(log.content[2 * 512 + 511]).toBe(0);
    expect(log.content[2 * 512 + 510]).toBe(0xc3);
    await device.close();
  });

  it.each([
    ['mark', 'Invalid log-writes message arguments, expect 2 arguments, got 1'],
    ['mark a b', 'Invalid log-writes message arguments, expect 2 arguments, got 3'],
    ['foo', 'Invalid log-writes message arguments, expect 2 arguments, got 1'],
    ['foo bar', 'Unrecognised log writes target message received: foo'],
  ])('are refused in the words of Linux: %s', async (words, text) => {
    const { device } = await rig();
    expect((await failureOf(message(device, words)))?.message).toBe(text);
    expect(status(device)).toBe('0 0');
    await device.close();
  });
});

describe('a log-writes device', () => {
  it('has the limits of the device below, and its physical block as the smallest request', async () => {
    const data = new LaterDevice(disk(64), {
      limits: { physicalBlockSize: 4096, ioMin: 65536, ioOpt: 131072, maxIoSize: 1 << 20 },
    });
    const device = await create('0 64 log-writes data log', { data, log: log() });
    expect(device.limits).toMatchObject({
      logicalBlockSize: 512,
      physicalBlockSize: 4096,
      ioMin: 4096,
      ioOpt: 131072,
      maxIoSize: 1 << 20,
      discardGranularity: 4096,
    });
    expect(device.features).toEqual({ discard: true, fastZeroes: false, multiConnection: true });
    await device.close();
  });

  it('begins its log anew with each table', async () => {
    const { device, log } = await rig(64);
    await device.write(0, new Uint8Array(512), { fua: true });
    await device.load([parseTableLine('0 64 log-writes data log')!]);
    await device.resume();
    expect(status(device)).toBe('0 0');
    expect(await entriesIn(log)).toBe('fua0+1 flush "dm-log-writes-end"');
    await message(device, 'mark again');
    expect(await entriesIn(log)).toBe('"again"');
    await device.close();
  });
});
