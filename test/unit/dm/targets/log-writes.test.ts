import { describe, expect, it } from 'vitest';
import { type BlockDevice, MemoryDevice } from '../../../../src/block/index.ts';
import type { TargetType } from '../../../../src/dm/index.ts';
import { logWritesTarget } from '../../../../src/dm/targets/log-writes/index.ts';
import { formatTable, parseTableLine } from '../../../../src/table/index.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { FLAGS, LogReplay } from '../../../models/log-replay.ts';
import { targetSuite } from '../../../suites/target.ts';
import { bytes, codeOf, create, disk, failureOf } from '../support.ts';
import { closed, entriesIn, log, message, rig, status } from './log-writes-support.ts';

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

targetSuite('log-writes', suite(over(log)));
targetSuite('log-writes with a slow log', suite(over(() => new LaterDevice(log()))));
targetSuite('log-writes whose log is full', suite(over(() => log(8))));
targetSuite('log-writes whose log fails', suite(over(() => new MemoryDevice(1 << 20, { readOnly: true }))));

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
