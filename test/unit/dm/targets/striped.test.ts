import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../../src/block/index.ts';
import { stripedTarget } from '../../../../src/dm/targets/striped/index.ts';
import { StripeMap } from '../../../../src/dm/targets/striped/stripe-map.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { targetSuite } from '../../../suites/target.ts';
import { bytes, codeOf, create, disk, failureOf } from '../support.ts';

targetSuite('striped, three stripes of an odd chunk', {
  type: stripedTarget,
  line: { start: 0, length: 4110, type: 'striped', args: ['3', '10', 'a', '4', 'b', '2', 'c', '0'] },
  data: 'kept',
});
targetSuite('striped, one stripe', {
  type: stripedTarget,
  line: { start: 0, length: 4096, type: 'striped', args: ['1', '4096', 'a', '0'] },
  data: 'kept',
});
targetSuite('striped, two stripes of one device', {
  type: stripedTarget,
  line: { start: 0, length: 4096, type: 'striped', args: ['2', '8', 'a', '0', 'a', '2048'] },
  data: 'kept',
});

describe('the map of stripes', () => {
  it('says of every byte what counting through the chunks says', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 7 }), (stripes, chunk) => {
        const map = new StripeMap(stripes, chunk);
        const sizes = Array.from({ length: stripes }, () => 0);
        for (let offset = 0; offset < 4 * stripes * chunk; offset++) {
          for (const [stripe, size] of sizes.entries()) expect(map.sizeBefore(offset, stripe)).toBe(size);
          const stripe = Math.floor(offset / chunk) % stripes;
          expect(map.stripeAt(offset)).toBe(stripe);
          expect(map.placeAt(offset)).toBe(sizes[stripe]);
          sizes[stripe]!++;
        }
      }),
    );
  });
});

describe('striped', () => {
  const table = '0 128 striped 2 8 a 0 b 16';

  it('puts chunks on its devices in turns, and zeroes one range of each', async () => {
    const [a, b] = [disk(64, 'a'), disk(80, 'b')];
    const device = await create(table, { a, b });
    const data = bytes('data', 128 * 512);
    await device.write(0, data);
    const expected = (start: number, parity: number, below: MemoryDevice): Uint8Array => {
      const content = below.content.slice();
      for (let chunk = 0; chunk < 16; chunk++) {
        if (chunk % 2 !== parity) continue;
        content.set(data.subarray(chunk * 4096, (chunk + 1) * 4096), start + Math.floor(chunk / 2) * 4096);
      }
      return content;
    };
    expect(a.content).toEqual(expected(0, 0, a));
    expect(b.content).toEqual(expected(8192, 1, b));
    await device.writeZeroes(512, 3 * 4096);
    data.fill(0, 512, 512 + 3 * 4096);
    const back = new Uint8Array(data.length);
    await device.read(0, back);
    expect(back).toEqual(data);
  });

  it('leaves a stripe alone that has no part in a range, and passes on how zeroes are to be written', async () => {
    const [a, b] = [await FaultDevice.over(disk(64, 'a')), await FaultDevice.over(disk(80, 'b'))];
    const device = await create(table, { a, b });
    await device.writeZeroes(4608, 512, { fua: true });
    await device.discard(8192 + 512, 1024);
    expect(b.log).toEqual([{ kind: 'writeZeroes', offset: 8192 + 512, length: 512, fua: true }]);
    expect(a.log).toEqual([{ kind: 'discard', offset: 4096 + 512, length: 1024, fua: false }]);
  });

  it('wants requests of a chunk, best of a whole row', async () => {
    const device = await create(table, { a: disk(64), b: disk(80) });
    expect(device.limits).toMatchObject({ ioMin: 4096, ioOpt: 8192, chunkSize: 4096 });
  });

  it('says which stripes have failed, and raises events for the first fourteen failures of each', async () => {
    const a = await FaultDevice.over(disk(64, 'a'));
    const device = await create(table, { a, b: disk(80) });
    const info = () => device.status()[0]?.info;
    expect(info()).toBe('2 a b 1 AA');
    a.fail({ kind: 'discard', errno: 'EOPNOTSUPP', times: Number.POSITIVE_INFINITY });
    expect(await failureOf(() => device.discard(0, 8192))).toMatchObject({ errno: 'EOPNOTSUPP' });
    expect([info(), device.info.eventNumber]).toEqual(['2 a b 1 AA', 0]);
    a.heal();
    a.fail({ kind: 'read', errno: 'ENODATA', times: Number.POSITIVE_INFINITY });
    expect(await failureOf(() => device.read(0, new Uint8Array(4096)))).toMatchObject({ errno: 'ENODATA' });
    expect([info(), device.info.eventNumber]).toEqual(['2 a b 1 DA', 1]);
    await device.read(4096, new Uint8Array(4096));
    for (let i = 0; i < 20; i++) await codeOf(() => device.read(0, new Uint8Array(512)));
    expect(device.info.eventNumber).toBe(14);
  });

  it('knows of failures that come later, for every stripe on the device, before the requester does', async () => {
    const fault = await FaultDevice.over(disk(128, 'a'));
    const device = await create('0 96 striped 3 8 a 0 b 0 a 64', { a: new LaterDevice(fault), b: disk(80) });
    const seen: unknown[] = [];
    fault.fail({ kind: 'write', offset: 64 * 512, errno: 'ENOSPC' });
    await Promise.resolve(device.write(16 * 512, new Uint8Array(512))).catch(() => {
      seen.push(device.status()[0]?.info, device.info.eventNumber);
    });
    expect(seen).toEqual(['3 a b a 1 DAD', 1]);
    fault.fail({ kind: 'writeZeroes' });
    expect(await codeOf(() => device.writeZeroes(0, 512))).toBe('IO_ERROR');
    fault.fail({ kind: 'discard' });
    expect(await codeOf(() => device.discard(0, 512))).toBe('IO_ERROR');
    expect(device.info.eventNumber).toBe(3);
  });

  it('blames no stripe for a flush that goes past it, but for one that it is asked for', async () => {
    const a = await FaultDevice.over(disk(64, 'a'));
    const b = await FaultDevice.over(disk(80, 'b'));
    const past = await create(table, { a, b });
    b.fail({ kind: 'flush' });
    expect(await codeOf(() => past.flush())).toBe('IO_ERROR');
    expect(past.status()[0]?.info).toBe('2 a b 1 AA');
    const asked = await create(`${table}\n128 8 crypt cipher_null-ecb - 0 c 0`, { a, b, c: disk(8) });
    b.fail({ kind: 'flush' });
    expect(await codeOf(() => asked.flush())).toBe('IO_ERROR');
    expect(asked.status()[0]?.info).toBe('2 a b 1 AD');
  });

  it('hints at nothing that is no whole physical block', async () => {
    const physical = { physicalBlockSize: 4096, ioMin: 4096 };
    const below = () => new LaterDevice(disk(256), { limits: physical });
    const limits = async (chunk: number, length: number) =>
      (await create(`0 ${length} striped 2 ${chunk} a 0 b 0`, { a: below(), b: below() })).limits;
    expect(await limits(10, 200)).toMatchObject({ ioMin: 4096, ioOpt: 0, chunkSize: 0 });
    expect(await limits(1, 200)).toMatchObject({ ioMin: 4096, ioOpt: 0, chunkSize: 0 });
    expect(await limits(4, 200)).toMatchObject({ ioMin: 4096, ioOpt: 4096, chunkSize: 0 });
    expect(await limits(24, 192)).toMatchObject({ ioMin: 12288, ioOpt: 24576, chunkSize: 12288 });
  });

  it('refuses chunks that end inside a block of a device', async () => {
    const devices = {
      a: disk(256, 'a'),
      b: new MemoryDevice(256 * 512, { name: 'b', logicalBlockSize: 4096 }),
    };
    const message = async (line: string) => (await failureOf(create(line, devices)))?.message;
    expect(await message('0 160 striped 2 10 a 0 b 0')).toBe(
      'striped: chunk_size=10 not aligned to h/w logical block size 4096 of b',
    );
    // What Linux refuses as well, in its words.
    expect(await message('0 40 striped 2 10 a 0 b 0')).toBe(
      'len=20 not aligned to h/w logical block size 4096 of a',
    );
    expect(await message('0 160 striped 2 10 a 0 b 4')).toBe(
      'start=4 not aligned to h/w logical block size 4096 of b',
    );
    expect(await message('0 1600 striped 2 10 a 0 b 0')).toMatch(/^a too small for target/);
    expect(await message('0 160 striped 2 16 a 0 b 0')).toBeUndefined();
    expect(await message('0 160 striped 2 10 a 0 a 80')).toBeUndefined();
  });

  it.each([
    ['+2 +8 a 0 b 0', '2 8 a 0 b 0'],
    ['02 008 a 00 b 0', '2 8 a 0 b 0'],
  ])('takes %s', async (args, printed) => {
    const device = await create(`0 64 striped ${args}`, { a: disk(64), b: disk(64) });
    expect(device.table()[0]?.args.join(' ')).toBe(printed);
  });

  it.each([
    ['0 64 striped', 'striped: Not enough arguments'],
    ['0 64 striped 2', 'striped: Not enough arguments'],
    ['0 64 striped 2 8 a 0', 'striped: Not enough destinations specified'],
    ['0 64 striped 2 8 a 0 b 0 1', 'striped: Not enough destinations specified'],
    ['0 64 striped 0 8 a 0', 'striped: Invalid stripe count'],
    ['0 64 striped -1 8 a 0', 'striped: Invalid stripe count'],
    ['0 64 striped x 8 a 0', 'striped: Invalid stripe count'],
    ['0 64 striped 2x 8 a 0 b 0', 'striped: Invalid stripe count'],
    ['0 64 striped 0x2 8 a 0 b 0', 'striped: Invalid stripe count'],
    ['0 64 striped 4294967296 8 a 0', 'striped: Invalid stripe count'],
    ['0 64 striped 4294967295 8 a 0', 'striped: Target length not divisible by number of stripes'],
    ['0 64 striped 2 x a 0 b 0', 'striped: Invalid chunk_size'],
    ['0 64 striped 2 -8 a 0 b 0', 'striped: Invalid chunk_size'],
    ['0 64 striped 2 0 a 0 b 0', 'striped: Invalid chunk_size'],
    ['0 64 striped 2 4294967296 a 0 b 0', 'striped: Invalid chunk_size'],
    ['0 65 striped 2 8 a 0 b 0', 'striped: Target length not divisible by number of stripes'],
    ['0 66 striped 2 8 a 0 b 0', 'striped: Target length not divisible by chunk size'],
    ['0 64 striped 2 8 a 0 b x', "striped: Couldn't parse stripe destination"],
    ['0 64 striped 2 8 a +1 b 0', "striped: Couldn't parse stripe destination"],
    ['0 64 striped 2 8 none x b 0', "striped: Couldn't parse stripe destination"],
    ['0 64 striped 2 8 a 9999 b 0', 'a too small for target: start=9999, len=32, dev_size=64'],
  ])('refuses %s', async (line, text) => {
    const failure = await failureOf(create(line, { a: disk(64, 'a'), b: disk(64, 'b') }));
    expect(failure?.message).toBe(text);
    expect(failure?.errno).toBe('EINVAL');
  });

  it('says of a device that is not there what it was doing', async () => {
    const failure = await failureOf(create('0 64 striped 2 8 a 0 none 0', { a: disk(64) }));
    expect(failure).toMatchObject({ code: 'NO_SUCH_DEVICE', errno: 'ENOENT' });
    expect(failure?.message).toContain("striped: Couldn't parse stripe destination");
  });
});
