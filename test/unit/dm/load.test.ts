import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../src/block/index.ts';
import { MappedDevice } from '../../../src/dm/index.ts';
import { parseTable } from '../../../src/table/index.ts';
import { codeOf, create, disk, failureOf, opener, XTS_KEY } from './support.ts';

const crypt = (tail: string): string => `0 32 crypt aes-xts-plain64 ${XTS_KEY} ${tail}`;

/** Tables that do not load: the code, and a piece of the kernel's text. */
const REFUSED: readonly (readonly [table: string, code: string, text: string])[] = [
  ['', 'INVALID_ARGUMENT', 'no targets specified'],
  ['0 8 nosuch', 'NOT_SUPPORTED', 'nosuch: unknown target type'],
  ['1 8 zero', 'INVALID_ARGUMENT', 'zero: Gap in table'],
  ['0 8 zero\n9 8 zero', 'INVALID_ARGUMENT', 'zero: Gap in table'],
  ['0 8 zero\n7 8 zero', 'INVALID_ARGUMENT', 'zero: Gap in table'],
  ['0 0 zero', 'INVALID_ARGUMENT', 'zero-length target'],
  ['0 8 zero x', 'INVALID_ARGUMENT', 'zero: No arguments required'],
  ['0 8 linear disk', 'INVALID_ARGUMENT', 'linear: Invalid argument count'],
  ['0 8 linear disk x', 'INVALID_ARGUMENT', 'linear: Invalid device sector'],
  ['0 8 linear disk 99999999999999999999', 'INVALID_ARGUMENT', 'linear: Invalid device sector'],
  ['0 8 linear nope 0', 'NO_SUCH_DEVICE', 'linear: Device lookup failed: no nope'],
  ['0 65 linear disk 0', 'DEVICE_TOO_SMALL', 'disk too small for target: start=0, len=65, dev_size=64'],
  ['0 8 linear disk 57', 'DEVICE_TOO_SMALL', 'disk too small for target: start=57, len=8, dev_size=64'],
  ['0 8 linear big 4', 'INVALID_ARGUMENT', 'start=4 not aligned to h/w logical block size 4096 of big'],
  ['0 12 linear big 8', 'INVALID_ARGUMENT', 'len=12 not aligned to h/w logical block size 4096 of big'],
  ['0 4 zero\n4 8 linear big 0', 'INVALID_ARGUMENT', 'table line 1 (start sect 4 len 8) not aligned'],
  ['0 8 linear big 0\n8 4 zero', 'INVALID_ARGUMENT', 'table line 2 (start sect 8 len 4) not aligned'],
  [
    crypt('0 disk 1 1 sector_size:4096'),
    'INVALID_ARGUMENT',
    'start=1 not aligned to h/w logical block size 4096',
  ],
  [crypt('0 disk'), 'INVALID_ARGUMENT', 'crypt: Not enough arguments'],
  [crypt('x disk 0'), 'INVALID_ARGUMENT', 'crypt: Invalid iv_offset sector'],
  [crypt('4 disk 0 1 sector_size:4096'), 'INVALID_ARGUMENT', 'crypt: Invalid iv_offset sector'],
  [crypt('0 disk x'), 'INVALID_ARGUMENT', 'crypt: Invalid device sector'],
  [crypt('0 disk 0 0x1'), 'INVALID_ARGUMENT', 'crypt: Invalid number of feature args'],
  [crypt('0 disk 0 1 ALLOW-DISCARDS'), 'INVALID_ARGUMENT', 'crypt: Invalid feature arguments'],
  [crypt('0 disk 0 1 integrity:28:aead'), 'NOT_SUPPORTED', 'crypt: Authenticated encryption'],
  [crypt('0 disk 0 1 integrity:28:none'), 'NOT_SUPPORTED', 'crypt: Authenticated encryption'],
  [
    '0 32 crypt aes-xts-plain64 :64:logon:name 0 disk 0',
    'NOT_SUPPORTED',
    'crypt: Volume keys in the kernel keyring',
  ],
  ['0 32 crypt aes-xts-plain64 abc 0 disk 0', 'INVALID_ARGUMENT', 'crypt: Error decoding and setting key'],
  [
    `0 32 crypt serpent-xts-plain64 ${XTS_KEY} 0 disk 0`,
    'NOT_SUPPORTED',
    'crypt: Error allocating crypto tfm',
  ],
  [`0 32 crypt aes-cbc-lmk ${XTS_KEY} 0 disk 0`, 'NOT_SUPPORTED', 'crypt: Invalid IV mode'],
];

describe('loading a table', () => {
  for (const [table, code, text] of REFUSED) {
    it(`refuses "${table.replaceAll('\n', '; ').replace(XTS_KEY, '…')}"`, async () => {
      const devices = {
        disk: disk(64),
        big: new MemoryDevice(64 * 512, { name: 'big', logicalBlockSize: 4096 }),
      };
      const error = await failureOf(create(table, devices));
      expect(error?.code).toBe(code);
      expect(error?.message).toContain(text);
      expect(error?.details.device).toBe('m');
    });
  }

  it('refuses lengths that no table text could give', async () => {
    for (const length of [-8, 0.001, Number.NaN, 2 ** 50]) {
      const table = [{ start: 0, length, type: 'zero', args: [] }];
      expect(await codeOf(MappedDevice.create({ name: 'm', table, openDevice: opener({}) }))).toBe(
        'INVALID_ARGUMENT',
      );
    }
  });

  it('says which line is to blame', async () => {
    expect(await failureOf(create('0 8 zero\n8 8 linear nope 0'))).toMatchObject({
      errno: 'ENOENT',
      details: { device: 'm', line: 2, target: 'linear', start: 8, below: 'nope' },
    });
  });

  it('lets a block straddle targets that can take its parts', async () => {
    const big = new MemoryDevice(64 * 512, { name: 'big', logicalBlockSize: 4096 });
    const device = await create('0 8 linear big 0\n8 3 zero\n11 5 linear disk 1', { big, disk: disk(8) });
    expect(device.limits.logicalBlockSize).toBe(4096);
    await device.read(8 * 512, new Uint8Array(4096));
    await device.close();
  });

  it('closes again what it opened for a table that does not load', async () => {
    const memory = disk(64);
    expect(await codeOf(create('0 8 linear disk 0\n8 8 zero x', { disk: memory }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => memory.flush())).toBe('INVALID_ARGUMENT');
    const other = disk(64);
    expect(await codeOf(create(crypt('0 disk x'), { disk: other }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => other.flush())).toBe('INVALID_ARGUMENT');
  });

  it('opens a device once, however often it is named', async () => {
    const opened: string[] = [];
    const device = await MappedDevice.create({
      name: 'm',
      table: parseTable('0 8 linear a 0\n8 8 linear b 0\n16 8 linear a 8'),
      openDevice: async (name) => {
        opened.push(name);
        return disk(16, name);
      },
    });
    expect(opened).toEqual(['a', 'b']);
    await device.close();
  });

  it('finds the target among thousands', async () => {
    const lines = Array.from(
      { length: 4096 },
      (_, index) => `${index * 2} 2 linear disk ${(4095 - index) * 2}`,
    );
    const below = disk(8192);
    const device = await create(lines.join('\n'), { disk: below });
    expect(device.info.targetCount).toBe(4096);
    const content = new Uint8Array(device.size);
    await device.read(0, content);
    for (const index of [0, 1, 2047, 2048, 4095]) {
      expect(content.slice(index * 1024, (index + 1) * 1024)).toEqual(
        below.content.slice((4095 - index) * 1024, (4096 - index) * 1024),
      );
    }
    await device.close();
  });
});
