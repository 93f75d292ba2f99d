import { beforeEach, describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../../src/block/index.ts';
import type { MappedDevice } from '../../../../src/dm/index.ts';
import { dustTarget } from '../../../../src/dm/targets/dust/index.ts';
import { parseTable, parseTableLine, splitArgs } from '../../../../src/table/index.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { targetSuite } from '../../../suites/target.ts';
import { codeOf, create, disk, failureOf } from '../support.ts';

const suite = (text: string) => ({
  type: dustTarget,
  line: parseTableLine(text)!,
  data: 'kept' as const,
  deviceSize: 5120 * 512,
});

targetSuite('dust', suite('0 4096 dust disk 24 512'));
targetSuite('dust with large blocks', suite('0 4096 dust disk 24 65536'));

const table = (device: MappedDevice) => device.table()[0]?.args.join(' ');
const status = (device: MappedDevice) => device.status()[0]?.info;
const message = (device: MappedDevice, text: string) => device.message(0, splitArgs(text));
const messages = async (device: MappedDevice, ...texts: string[]) => {
  for (const text of texts) await message(device, text);
};
const listed = async (device: MappedDevice) => {
  const text = await message(device, 'listbadblocks');
  return text === 'No blocks in badblocklist' ? [] : text.trimEnd().split('\n').map(Number);
};
/** Makes a request whose place and length are in sectors; says whether it failed. */
const request = (
  device: MappedDevice,
  kind: 'read' | 'write' | 'discard' | 'writeZeroes',
  sector: number,
  sectors: number,
) =>
  codeOf(() =>
    kind === 'read' || kind === 'write'
      ? device[kind](sector * 512, new Uint8Array(sectors * 512).fill(0x41))
      : device[kind](sector * 512, sectors * 512),
  );

describe('the arguments of dust', () => {
  it.each([
    ['disk 0 512', 'disk 0 512'],
    ['disk 7 4096', 'disk 7 4096'],
    ['disk 0 +512', 'disk 0 512'],
    ['disk 007 0512', 'disk 7 512'],
    ['disk 0 524288', 'disk 0 524288'],
  ])('are printed as numbers: %s', async (given, printed) => {
    const device = await create(`0 1024 dust ${given}`, { disk: disk(2048) });
    expect(table(device)).toBe(printed);
    expect(status(device)).toBe('disk bypass verbose');
    await device.close();
  });

  it.each([
    ['', 'Invalid argument count'],
    ['disk 0', 'Invalid argument count'],
    ['disk 0 512 1', 'Invalid argument count'],
    ['disk x 512', 'Invalid device offset sector'],
    ['disk 0 x', 'Invalid block size parameter'],
    ['disk 0 0', 'Invalid block size parameter'],
    ['disk 0 -1', 'Invalid block size parameter'],
    ['disk 0 0x200', 'Invalid block size parameter'],
    ['disk 0 4294967296', 'Invalid block size parameter'],
    ['disk 0 4294967295', 'Block size must be a power of 2'],
    ['disk 0 511', 'Block size must be at least 512'],
    ['disk 0 100', 'Block size must be at least 512'],
    ['disk 0 513', 'Block size must be a power of 2'],
    ['disk 0 768', 'Block size must be a power of 2'],
    ['disk 0 1048576', 'Block size is too large'],
    ['disk x x', 'Invalid block size parameter'],
    ['disk x 100', 'Block size must be at least 512'],
    ['disk x 1048576', 'Block size is too large'],
    ['nope x 512', 'Invalid device offset sector'],
    ['nope 0 x', 'Invalid block size parameter'],
  ])('are refused as Linux refuses them: %s', async (args, text) => {
    expect(await failureOf(create(`0 1024 dust ${args}`, { disk: disk(1024) }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      errno: 'EINVAL',
      message: `dust: ${text}`,
    });
  });

  it('take blocks of a GiB at most', async () => {
    const line = (size: number) => `0 10000000 dust disk 0 ${size}`;
    expect(await failureOf(create(line(2 ** 31), { disk: disk(8) }))).toMatchObject({
      message: 'dust: Block size is too large',
    });
    expect(await codeOf(create(line(2 ** 30), { disk: disk(8) }))).toBe('DEVICE_TOO_SMALL');
  });

  it('name a device that exists; whatever is wrong with it, the errno is EINVAL', async () => {
    const error = await failureOf(create('0 16 dust nope 0 512'));
    expect(error).toMatchObject({ code: 'NO_SUCH_DEVICE', errno: 'EINVAL' });
    expect(error?.message).toMatch(/^dust: Device lookup failed/);
  });
});

describe('the messages of dust', () => {
  let device: MappedDevice;

  beforeEach(async () => {
    device = await create('0 1028 dust disk 16 4096', { disk: disk(8192) });
  });

  it('answer what Linux answers', async () => {
    for (const [text, answer] of [
      ['listbadblocks', 'No blocks in badblocklist'],
      ['countbadblocks', 'countbadblocks: 0 badblock(s) found'],
      ['clearbadblocks', 'dust_clear_badblocks: no badblocks found'],
      ['addbadblock 129', ''],
      ['AddBadBlock 3', ''],
      ['addbadblock 010 255', ''],
      ['ADDBADBLOCK 1024 0', ''],
      ['listbadblocks', '3\n10\n129\n1024\n'],
      ['CountBadBlocks', 'countbadblocks: 4 badblock(s) found'],
      ['queryblock 3', 'dust_query_block: block 3 found in badblocklist'],
      ['queryblock 4', 'dust_query_block: block 4 not found in badblocklist'],
      ['queryblock 1024', 'dust_query_block: block 1024 found in badblocklist'],
      ['removebadblock 129', ''],
      ['listbadblocks', '3\n10\n1024\n'],
      ['clearbadblocks', 'dust_clear_badblocks: badblocks cleared'],
      ['listbadblocks', 'No blocks in badblocklist'],
      ['enable', ''],
      ['enable', ''],
      ['quiet', ''],
      ['disable', ''],
    ] as const) {
      expect([text, await message(device, text)]).toEqual([text, answer]);
    }
  });

  it('change what the status shows', async () => {
    const seen = [];
    for (const text of ['enable', 'ENABLE', 'quiet', 'disable', 'disable', 'quiet']) {
      await message(device, text);
      seen.push(status(device));
    }
    expect(seen).toEqual([
      'disk fail_read_on_bad_block verbose',
      'disk fail_read_on_bad_block verbose',
      'disk fail_read_on_bad_block quiet',
      'disk bypass quiet',
      'disk bypass quiet',
      'disk bypass verbose',
    ]);
  });

  it.each([
    ['addbadblock 5', 'dust_add_block: block 5 already in badblocklist'],
    ['addbadblock 5 1', 'dust_add_block: block 5 already in badblocklist'],
    ['removebadblock 6', 'dust_remove_block: block 6 not found in badblocklist'],
    ['addbadblock', 'addbadblock requires an additional argument'],
    ['RemoveBadBlock', 'RemoveBadBlock requires an additional argument'],
    ['QUERYBLOCK', 'QUERYBLOCK requires an additional argument'],
    ['addbadblock 1025', 'selected block value out of range'],
    ['addbadblock 1025 1', 'selected block value out of range'],
    ['removebadblock 1025', 'selected block value out of range'],
    ['queryblock 1025', 'selected block value out of range'],
    ['enable 1025', 'selected block value out of range'],
    ['addbadblock 18446744073709551616', 'selected block value out of range'],
    ['addbadblock 6 256', 'selected write fail count out of range'],
    ['addbadblock 1025 256', 'selected write fail count out of range'],
    ['addbadblock 6 1 1', "invalid number of arguments '4'"],
    ['bogus 1 2 3 4', "invalid number of arguments '5'"],
    ['BOGUS', "unrecognized message 'BOGUS' received"],
    ['bogus 1', "unrecognized message 'bogus' received"],
    ['bogus 1 2', "unrecognized message 'bogus' received"],
    ['enable 1', "unrecognized message 'enable' received"],
    ['countbadblocks 1', "unrecognized message 'countbadblocks' received"],
    ['listbadblocks 1', "unrecognized message 'listbadblocks' received"],
    ['clearbadblocks 1', "unrecognized message 'clearbadblocks' received"],
    ['queryblock 5 5', "unrecognized message 'queryblock' received"],
    ['removebadblock 5 5', "unrecognized message 'removebadblock' received"],
  ])('are refused as Linux refuses them: %s', async (text, error) => {
    await message(device, 'addbadblock 5 3');
    expect(await failureOf(message(device, text))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      errno: 'EINVAL',
      message: error,
    });
    expect(await listed(device)).toEqual([5]);
    expect(status(device)).toBe('disk bypass verbose');
  });

  it.each([
    'addbadblock x',
    'addbadblock +6',
    'addbadblock 0x6',
    'addbadblock 6 x',
    'addbadblock 6x',
    'bogus x',
  ])('are refused with what is no number: %s', async (text) => {
    expect(await failureOf(message(device, text))).toMatchObject({ errno: 'EINVAL' });
    expect(await listed(device)).toEqual([]);
  });

  it('list many blocks', async () => {
    const blocks = Array.from({ length: 1025 }, (_, index) => index);
    for (const block of blocks.toReversed()) await message(device, `addbadblock ${block}`);
    expect(await message(device, 'listbadblocks')).toBe(blocks.map((block) => `${block}\n`).join(''));
  });

  it('are forgotten with the table, and kept over a suspension', async () => {
    await messages(device, 'addbadblock 3', 'enable', 'quiet');
    await device.suspend();
    expect(await listed(device)).toEqual([3]);
    await device.resume();
    expect(status(device)).toBe('disk fail_read_on_bad_block quiet');
    await device.load(parseTable('0 1028 dust disk 16 4096'));
    await device.resume();
    expect(status(device)).toBe('disk bypass verbose');
    expect(await listed(device)).toEqual([]);
  });
});

describe('a bad block of dust', () => {
  let below: FaultDevice;
  let device: MappedDevice;

  beforeEach(async () => {
    below = await FaultDevice.over(disk(8192));
    device = await create('0 1028 dust disk 16 4096', { disk: below });
  });

  it('is nothing special until enabled, and when disabled again', async () => {
    await message(device, 'addbadblock 4 1');
    expect(await request(device, 'read', 16, 8)).toBeUndefined();
    expect(await request(device, 'write', 16, 8)).toBeUndefined();
    expect(await listed(device)).toEqual([4]);
    await message(device, 'enable');
    expect(await request(device, 'read', 16, 8)).toBe('IO_ERROR');
    await message(device, 'disable');
    expect(await request(device, 'read', 16, 8)).toBeUndefined();
    expect(await request(device, 'write', 16, 8)).toBeUndefined();
    expect(await listed(device)).toEqual([4]);
  });

  it('is counted on the device below', async () => {
    await messages(device, 'addbadblock 0', 'addbadblock 2', 'addbadblock 130', 'enable');
    const failing = [];
    for (let block = 0; block < 128; block++) {
      if ((await request(device, 'read', block * 8, 8)) !== undefined) failing.push(block);
    }
    // The last block is half a one.
    if ((await request(device, 'read', 1024, 4)) !== undefined) failing.push(128);
    expect(failing).toEqual([0, 128]);
  });

  it('fails any read that touches it, and no other', async () => {
    await messages(device, 'addbadblock 4', 'enable');
    const touches = async (sector: number, sectors: number) =>
      (await request(device, 'read', sector, sectors)) === 'IO_ERROR';
    expect(await touches(0, 16)).toBe(false);
    expect(await touches(15, 1)).toBe(false);
    expect(await touches(15, 2)).toBe(true);
    expect(await touches(16, 1)).toBe(true);
    expect(await touches(23, 1)).toBe(true);
    expect(await touches(24, 1)).toBe(false);
    expect(await touches(0, 1028)).toBe(true);
    expect(await failureOf(() => device.read(16 * 512, new Uint8Array(512)))).toMatchObject({ errno: 'EIO' });
  });

  it('is mended by a write, whatever part of it that touches', async () => {
    await messages(device, 'addbadblock 4', 'addbadblock 5', 'addbadblock 6', 'enable');
    expect(await request(device, 'write', 16, 1)).toBeUndefined();
    expect(await listed(device)).toEqual([5, 6]);
    expect(await request(device, 'read', 16, 8)).toBeUndefined();
    expect(await request(device, 'write', 31, 2)).toBeUndefined();
    expect(await listed(device)).toEqual([]);
  });

  it('fails as many writes as were asked for, and lets none of them through', async () => {
    await messages(device, 'addbadblock 4 2', 'enable');
    for (const kind of ['write', 'writeZeroes', 'discard'] as const) {
      await messages(device, 'clearbadblocks', 'addbadblock 4 2');
      const before = below.changes;
      expect(await request(device, kind, 16, 8)).toBe('IO_ERROR');
      expect(await request(device, kind, 16, 8)).toBe('IO_ERROR');
      expect(below.changes).toBe(before);
      expect(await request(device, 'read', 16, 8)).toBe('IO_ERROR');
      expect(await request(device, kind, 16, 8)).toBeUndefined();
      expect(below.changes).toBe(before + 1);
      expect(await listed(device)).toEqual([]);
    }
  });

  it('is mended even where the write fails below', async () => {
    await messages(device, 'addbadblock 4', 'enable');
    below.fail({ kind: 'write', errno: 'ENODATA' });
    expect(await failureOf(() => device.write(16 * 512, new Uint8Array(512)))).toMatchObject({
      errno: 'ENODATA',
    });
    expect(await listed(device)).toEqual([]);
  });

  it('counts for a discard only where that begins', async () => {
    await messages(device, 'addbadblock 2', 'addbadblock 4 1', 'enable');
    expect(await request(device, 'discard', 0, 64)).toBeUndefined();
    expect(await listed(device)).toEqual([4]);
    expect(await request(device, 'discard', 17, 1)).toBe('IO_ERROR');
    expect(await request(device, 'discard', 17, 1)).toBeUndefined();
    expect(await listed(device)).toEqual([]);
  });

  it.each(['write', 'writeZeroes'] as const)(
    'fails its part of a longer request, and the rest is made all the same: %s',
    async (kind) => {
      for (const later of [false, true]) {
        const memory = new MemoryDevice(new Uint8Array(64 * 512).fill(0x55));
        const over = await create('0 64 dust disk 0 4096', {
          disk: later ? new LaterDevice(memory) : memory,
        });
        await messages(over, 'addbadblock 1', 'addbadblock 3 1', 'addbadblock 6', 'enable');
        expect(await request(over, kind, 4, 57)).toBe('IO_ERROR');
        const untouched = Array.from({ length: 64 }, (_, sector) => sector).filter((sector) =>
          memory.content.subarray(sector * 512, (sector + 1) * 512).every((byte) => byte === 0x55),
        );
        expect(untouched).toEqual([0, 1, 2, 3, 24, 25, 26, 27, 28, 29, 30, 31, 61, 62, 63]);
        expect(await listed(over)).toEqual([3]);
        expect(await request(over, kind, 24, 40)).toBeUndefined();
        expect(await listed(over)).toEqual([]);
      }
    },
  );

  it('is no reason to zero what is beside it block by block', async () => {
    await messages(device, 'addbadblock 4', 'addbadblock 10 1', 'enable');
    expect(await request(device, 'writeZeroes', 0, 1028)).toBe('IO_ERROR');
    expect(below.log).toMatchObject([
      { kind: 'writeZeroes', offset: 16 * 512, length: 2 * 4096 },
      { kind: 'writeZeroes', offset: 16 * 512 + 2 * 4096, length: 6 * 4096 },
      { kind: 'writeZeroes', offset: 16 * 512 + 9 * 4096, length: 1028 * 512 - 9 * 4096 },
    ]);
  });

  it('at the beginning of the target fails flushes and is mended by them, as by writes', async () => {
    await messages(device, 'addbadblock 2 1', 'addbadblock 3', 'enable');
    expect(await failureOf(() => device.flush())).toMatchObject({ code: 'IO_ERROR', errno: 'EIO' });
    expect(below.log).toEqual([]);
    expect(await codeOf(() => device.flush())).toBeUndefined();
    expect(below.log).toEqual([{ kind: 'flush' }]);
    expect(await listed(device)).toEqual([3]);
  });

  it('keeps no device from being suspended, and is the same afterwards', async () => {
    await messages(device, 'addbadblock 2 1', 'enable');
    await device.suspend();
    expect(below.log).toEqual([{ kind: 'flush' }]);
    expect(await listed(device)).toEqual([2]);
    await device.resume();
    expect(await codeOf(() => device.flush())).toBe('IO_ERROR');
    below.fail({ kind: 'flush', errno: 'ENODATA' });
    await messages(device, 'clearbadblocks', 'addbadblock 2 1');
    expect(await failureOf(device.suspend())).toMatchObject({ errno: 'ENODATA' });
    expect(await failureOf(() => device.flush())).toMatchObject({ errno: 'EIO' });
  });

  it('is looked up by where a piece begins, if the offset is no whole number of blocks', async () => {
    const over = await create('0 1028 dust disk 3 4096', { disk: disk(8192) });
    await messages(over, 'addbadblock 1', 'enable');
    const failing = [];
    for (let sector = 0; sector < 16; sector++) {
      if ((await request(over, 'read', sector, 1)) !== undefined) failing.push(sector);
    }
    expect(failing).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
    expect(await request(over, 'read', 0, 8)).toBeUndefined();
    expect(await request(over, 'read', 8, 8)).toBe('IO_ERROR');
    expect(await request(over, 'read', 4, 4)).toBeUndefined();
    await message(over, 'addbadblock 3');
    expect(await request(over, 'write', 16, 8)).toBeUndefined();
    expect(await listed(over)).toEqual([1, 3]);
    expect(await request(over, 'write', 21, 1)).toBeUndefined();
    expect(await listed(over)).toEqual([1]);
  });

  it('may be smaller than what the device below takes', async () => {
    const coarse = new MemoryDevice(64 * 512, { name: 'coarse', logicalBlockSize: 4096 });
    const over = await create('0 32 dust coarse 8 512', { coarse });
    await messages(over, 'addbadblock 18', 'addbadblock 26 1', 'addbadblock 27', 'enable');
    expect(await request(over, 'read', 0, 8)).toBeUndefined();
    expect(await request(over, 'read', 8, 8)).toBe('IO_ERROR');
    expect(await request(over, 'read', 16, 8)).toBe('IO_ERROR');
    expect(await request(over, 'read', 24, 8)).toBeUndefined();
    expect(await request(over, 'write', 0, 32)).toBe('IO_ERROR');
    expect(await listed(over)).toEqual([26]);
    expect(await request(over, 'write', 16, 8)).toBeUndefined();
    expect(await listed(over)).toEqual([]);
  });

  it('lets nothing be said about what is stored while reads may fail', async () => {
    const memory = disk(64);
    const extents = async (_: number, length: number) => [{ length, hole: true, zero: true }];
    const over = await create('0 64 dust disk 0 512', {
      disk: Object.assign(new LaterDevice(memory), { extents }),
    });
    const zero = async () => (await over.extents(0, 4096))[0]?.zero;
    expect(await zero()).toBe(true);
    await message(over, 'enable');
    expect(await zero()).toBe(true);
    await message(over, 'addbadblock 1');
    expect(await zero()).toBe(false);
    await message(over, 'disable');
    expect(await zero()).toBe(true);
  });
});
