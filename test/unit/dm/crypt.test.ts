import { createDecipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { arena } from '../../../src/arena.ts';
import { FaultDevice, type WriteOptions } from '../../../src/block/index.ts';
import { Secret } from '../../../src/crypto/index.ts';
import { MappedDevice } from '../../../src/dm/index.ts';
import { disposeTable, formatTable, parseTable } from '../../../src/table/index.ts';
import { LaterDevice } from '../../models/later-device.ts';
import { bytes, codeOf, create, disk, failureOf, opener, XTS_KEY } from './support.ts';

const SECTOR = 512;
const KIB = 1024;
const line = (length: number, tail = ''): string =>
  `0 ${length} crypt aes-xts-plain64 ${XTS_KEY} 0 disk 8 ${tail}`;

/** XTS of one sector, by node:crypto alone. */
function decrypted(sector: number, data: Uint8Array): Uint8Array {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(sector);
  const cipher = createDecipheriv('aes-256-xts', Buffer.from(XTS_KEY, 'hex'), iv).setAutoPadding(false);
  return new Uint8Array(Buffer.concat([cipher.update(data), cipher.final()]));
}

describe('the crypt target', () => {
  it('encrypts in the buffer that was given up, and writes from there', async () => {
    const below = disk(64);
    const seen: { from: Uint8Array; options: WriteOptions | undefined }[] = [];
    const write = below.write.bind(below);
    below.write = (offset, from, options) => {
      seen.push({ from, options });
      write(offset, from);
    };
    const device = await create(line(32), { disk: below });
    const data = bytes('data', SECTOR);
    const given = data.slice();
    await device.write(3 * SECTOR, given, { mayClobber: true });
    expect(seen[0]?.from.buffer).toBe(given.buffer);
    expect(Buffer.compare(given, data)).not.toBe(0);
    expect(decrypted(3, given)).toEqual(data);

    await device.write(3 * SECTOR, data);
    expect(seen[1]?.from.buffer).not.toBe(data.buffer);
    expect(data).toEqual(bytes('data', SECTOR));
    expect(seen.map(({ options }) => options)).toEqual([{ mayClobber: true }, { mayClobber: true }]);
    await device.close();
  });

  it('uses the same memory for one write after the other', async () => {
    const below = disk(64);
    const places = new Set<number>();
    const write = below.write.bind(below);
    below.write = (offset, from) => {
      expect(arena()?.holds(from)).toBe(true);
      places.add(from.byteOffset);
      write(offset, from);
    };
    const device = await create(line(32), { disk: below });
    for (let round = 0; round < 50; round++) {
      for (const sectors of [1, 8, 3, 16]) await device.write(0, bytes('x', sectors * SECTOR));
    }
    expect(places.size).toBe(2);
    await device.close();
  });

  it('does big requests in pieces, a few at a time', async () => {
    const length = 4096 * KIB;
    const below = new LaterDevice(disk(length / SECTOR + 8));
    const device = await create(line(length / SECTOR), { disk: below });
    const data = bytes('big', length);
    await device.write(0, data);
    expect(below.mostRunning).toBe(4);
    const back = new Uint8Array(length);
    await device.read(0, back);
    expect(Buffer.compare(back, data)).toBe(0);
    await device.writeZeroes(0, length);
    await device.read(0, back);
    expect(back.every((byte) => byte === 0)).toBe(true);
    expect(below.mostRunning).toBe(4);
    await device.close();
  });

  it('never reports holes, since zeroes are ciphertext like any other', async () => {
    const below = disk(64);
    const device = await create(line(32, '1 allow_discards'), { disk: below });
    expect(device.features.fastZeroes).toBe(false);
    expect(await codeOf(() => device.writeZeroes(0, SECTOR, { fast: true }))).toBe('NOT_SUPPORTED');
    await device.writeZeroes(0, SECTOR);
    expect(decrypted(0, below.content.slice(8 * SECTOR, 9 * SECTOR))).toEqual(new Uint8Array(SECTOR));
    await device.discard(0, 8 * SECTOR);
    expect(await device.extents(0, device.size)).toEqual([{ length: device.size, hole: false, zero: false }]);
    await device.close();
  });

  it('discards only when allowed to', async () => {
    const fault = await FaultDevice.over(disk(64));
    const allowed = await create(line(32, '1 allow_discards'), { disk: fault });
    expect(allowed.features.discard).toBe(true);
    await allowed.discard(8 * SECTOR, 16 * SECTOR);
    expect(fault.log).toEqual([{ kind: 'discard', offset: 16 * SECTOR, length: 16 * SECTOR, fua: false }]);
    await allowed.close();
    const plain = await create(line(32), { disk: disk(64) });
    expect(plain.features.discard).toBe(false);
    expect(plain.limits.discardGranularity).toBe(0);
    expect(await failureOf(() => plain.discard(0, SECTOR))).toMatchObject({ errno: 'EOPNOTSUPP' });
    await plain.close();
    const unable = await create(line(32, '1 allow_discards'), {
      disk: new LaterDevice(disk(64), { features: { discard: false } }),
    });
    expect(unable.features.discard).toBe(false);
    await unable.close();
  });

  it('has the block size of its encryption sectors', async () => {
    const device = await create(line(32, '1 sector_size:2048'), { disk: disk(64) });
    expect(device.limits).toMatchObject({ logicalBlockSize: 2048, physicalBlockSize: 2048, ioMin: 2048 });
    expect(await codeOf(() => device.read(512, new Uint8Array(2048)))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => device.write(0, new Uint8Array(512)))).toBe('INVALID_ARGUMENT');
    await device.close();
  });

  it('prints its options in the order of the kernel, and none that say nothing', async () => {
    const print = async (tail: string): Promise<string> => {
      const device = await create(line(32, tail), { disk: disk(64) });
      const text = formatTable(device.table(), { showKeys: true });
      await device.close();
      return text.slice(text.indexOf('disk 8') + 'disk 8'.length).trimEnd();
    };
    expect(await print('')).toBe('');
    expect(await print('0')).toBe('');
    expect(await print('1 sector_size:512')).toBe('');
    expect(await print('2 iv_large_sectors SAME_CPU_crypt')).toBe(' 2 same_cpu_crypt iv_large_sectors');
    expect(await print('3 no_write_workqueue sector_size:1024 high_priority')).toBe(
      ' 3 high_priority no_write_workqueue sector_size:1024',
    );
    expect(await print('1 allow_discards something else behind')).toBe(' 1 allow_discards');
  });

  it('leaves the keys of the table alone, and keeps its own secret', async () => {
    const table = parseTable(line(32));
    const device = await MappedDevice.create({ name: 'm', table, openDevice: opener({ disk: disk(64) }) });
    expect((table[0]!.args[1] as Secret).disposed).toBe(false);
    disposeTable(table);
    const own = device.table()[0]?.args[1] as Secret;
    expect(Buffer.from(own.bytes).toString('hex')).toBe(XTS_KEY);
    expect(formatTable(device.table())).not.toContain(XTS_KEY.slice(0, 16));
    const data = bytes('secret', SECTOR);
    await device.write(0, data);
    const back = new Uint8Array(SECTOR);
    await device.read(0, back);
    expect(back).toEqual(data);
    await device.close();
    expect(own.disposed).toBe(true);
  });
});

describe('key messages', () => {
  const OTHER = Buffer.from(XTS_KEY, 'hex').reverse().toString('hex');

  it('change the key while suspended', async () => {
    const below = disk(64);
    const device = await create(line(32), { disk: below });
    const data = bytes('data', SECTOR);
    await device.write(0, data);
    const before = below.content.slice(8 * SECTOR, 9 * SECTOR);
    expect(await codeOf(device.message(0, ['key', 'set', OTHER]))).toBe('INVALID_ARGUMENT');

    await device.suspend();
    await device.message(0, ['key', 'set', Secret.copy(Buffer.from(OTHER, 'hex'))]);
    await device.resume();
    await device.write(0, data);
    expect(Buffer.compare(below.content.slice(8 * SECTOR, 9 * SECTOR), before)).not.toBe(0);

    await device.suspend();
    await device.message(0, ['KEY', 'SET', XTS_KEY]);
    await device.resume();
    await device.write(0, data);
    expect(below.content.slice(8 * SECTOR, 9 * SECTOR)).toEqual(before);
    await device.close();
  });

  it('wipe the key: requests wait, and nothing goes on without a new one', async () => {
    const device = await create(line(32), { disk: disk(64) });
    const data = bytes('data', SECTOR);
    await device.write(0, data);
    await device.suspend();
    const own = device.table()[0]?.args[1] as Secret;
    await device.message(0, ['key', 'wipe']);
    expect(own.bytes.every((byte) => byte === 0)).toBe(true);
    expect(formatTable(device.table(), { showKeys: true })).toContain('0'.repeat(128));
    const into = new Uint8Array(SECTOR);
    const read = device.read(0, into) as Promise<void>;
    expect(await failureOf(device.resume())).toMatchObject({ code: 'NO_SUCH_OBJECT', errno: 'EAGAIN' });
    expect(device.info.state).toBe('suspended');
    for (const words of [
      ['key', 'set', '00'],
      ['key', 'set', '-'],
      ['key', 'set', 'zz'.repeat(64)],
      ['key', 'set'],
      ['key'],
      ['keys', 'wipe'],
    ]) {
      expect(await codeOf(device.message(0, words))).toBe('INVALID_ARGUMENT');
    }
    expect(await codeOf(device.resume())).toBe('NO_SUCH_OBJECT');
    await device.message(0, ['key', 'set', XTS_KEY]);
    await device.resume();
    await read;
    expect(into).toEqual(data);
    await device.close();
  });

  it('can be closed without its key', async () => {
    const device = await create(line(32), { disk: disk(64) });
    await device.suspend();
    await device.message(0, ['key', 'wipe']);
    await device.close();
  });
});
