import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../src/block/index.ts';
import { Secret } from '../../../src/crypto/index.ts';
import {
  addKeyslot,
  changeKeyslot,
  cryptTable,
  type Luks2Header,
  persistentFlags,
  readHeader,
  removeKeyslot,
  setFlags,
  setLabels,
  setPriority,
  setUuid,
  unlock,
} from '../../../src/luks2/index.ts';
import type { TableSpec } from '../../../src/table/spec.ts';
import { MIB } from '../../../src/units.ts';
import { CHEAP, type Loose, passphrase, SMALL, volume, writeMetadata } from './images.ts';

const made = await volume();

function table(header: Luks2Header, more: Loose = {}): TableSpec {
  return cryptTable(header, { device: '/dev/x', dataSize: 1 * MIB, volumeKey: made.volumeKey, ...more });
}

const words = (spec: TableSpec) =>
  spec.map(({ start, length, type, args }) =>
    [start, length, type, ...args.map((arg) => (arg instanceof Secret ? 'KEY' : arg))].join(' '),
  );

/** The header of `made` with other metadata, read back from a device. */
async function altered(alter: (m: Loose) => void): Promise<Luks2Header> {
  const device = new MemoryDevice(made.device.content.slice());
  writeMetadata(device, made.header, alter);
  return readHeader(device);
}

/** Start of the data: 2 × 16 KiB and 512 KiB of keyslots, aligned to 4 KiB. Sectors. */
const DATA = (32768 + 512 * 1024) / 512;

describe('cryptTable', () => {
  it('is one line for a plain volume', () => {
    expect(words(table(made.header))).toEqual([
      `0 ${2048 - DATA} crypt aes-cbc-essiv:sha256 KEY 0 /dev/x ${DATA}`,
    ]);
  });

  it('holds its own copy of the key', () => {
    const key = table(made.header)[0]?.args[1];
    if (!(key instanceof Secret)) throw new Error('no key');
    expect(Buffer.compare(key.bytes, made.volumeKey.bytes)).toBe(0);
    key.dispose();
    expect(made.volumeKey.disposed).toBe(false);
  });

  it('names sector size, IV offset and flags, persistent and asked for, each once and in order', async () => {
    const header = await altered((m) => {
      m.segments[0].sector_size = 4096;
      m.segments[0].iv_tweak = '77';
      m.config.flags = ['no-read-workqueue', 'allow-discards', 'from-the-future', 'no-journal'];
    });
    expect(persistentFlags(header)).toEqual(['no-read-workqueue', 'allow-discards', 'no-journal']);
    expect(words(table(header, { flags: ['same-cpu-crypt', 'allow-discards'] }))[0]).toMatch(
      / KEY 77 \/dev\/x \d+ 4 allow_discards same_cpu_crypt no_read_workqueue sector_size:4096$/,
    );
  });

  it('has no key where nothing is encrypted', async () => {
    const header = await altered((m) => {
      m.segments[0].encryption = 'cipher_null-ecb';
    });
    expect(words(table(header))).toEqual([`0 ${2048 - DATA} crypt cipher_null-ecb - 0 /dev/x ${DATA}`]);
  });

  it('is one line a segment, backups left out', async () => {
    const at = DATA * 512;
    const header = await altered((m) => {
      const first = m.segments[0];
      m.segments[1] = { type: 'linear', offset: String(at + 8192), size: '4096' };
      m.segments[2] = { ...first, offset: String(at + 12288), iv_tweak: '16' };
      m.segments[3] = { ...first, flags: ['backup-final'] };
      first.size = '8192';
      m.digests[0].segments = ['0', '2', '3'];
    });
    expect(words(table(header))).toEqual([
      `0 16 crypt aes-cbc-essiv:sha256 KEY 0 /dev/x ${DATA}`,
      `16 8 linear /dev/x ${DATA + 16}`,
      `24 ${2048 - DATA - 24} crypt aes-cbc-essiv:sha256 KEY 16 /dev/x ${DATA + 24}`,
    ]);
  });

  it.each<[string, string, (m: Loose) => void, Loose?]>([
    ['a requirement', 'REQUIREMENT_UNMET', (m) => (m.config.requirements = { mandatory: ['future'] })],
    [
      'a reencryption under way',
      'REQUIREMENT_UNMET',
      (m) => (m.config.requirements = { mandatory: ['online-reencrypt-v2'] }),
    ],
    ['an unknown kind of segment', 'NOT_SUPPORTED', (m) => (m.segments[0].type = 'hw-opal')],
    [
      'integrity',
      'NOT_SUPPORTED',
      (m) =>
        (m.segments[0].integrity = { type: 'aead', journal_encryption: 'none', journal_integrity: 'none' }),
    ],
    ['a segment of 2^64 bytes', 'NOT_SUPPORTED', (m) => (m.segments[0].size = '18446744073709551104')],
    [
      'a cipher that is none',
      'INVALID_ARGUMENT',
      (m) => {
        m.segments[0].encryption = 'a b\nc';
      },
    ],
    ['a segment larger than the device', 'DEVICE_TOO_SMALL', (m) => (m.segments[0].size = String(MIB))],
    ['a device that ends before its data', 'DEVICE_TOO_SMALL', () => {}, { dataSize: 4096 }],
    [
      'a device that ends inside an encryption sector',
      'INVALID_ARGUMENT',
      (m) => (m.segments[0].sector_size = 4096),
      { dataSize: MIB - 512 },
    ],
  ])('refuses %s', async (_name, code, alter, more = {}) => {
    const header = await altered(alter);
    expect(() => table(header, more)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('a requirement nobody here knows', () => {
  it('blocks every change but the removal of a keyslot, and lets a passphrase be tested', async () => {
    const { device, header: plain, volumeKey } = await volume('a', SMALL);
    writeMetadata(device, plain, (m) => (m.config.requirements = { mandatory: ['future'] }));
    const header = await readHeader(device);
    const before = device.content.slice();
    const params = { pbkdf: CHEAP };
    for (const change of [
      addKeyslot(device, header, volumeKey, passphrase('b'), params),
      changeKeyslot(device, header, 0, volumeKey, passphrase('b'), params),
      setUuid(device, header),
      setLabels(device, header, { label: 'x' }),
      setPriority(device, header, 0, 'ignore'),
      setFlags(device, header, ['allow-discards']),
    ])
      await expect(change).rejects.toMatchObject({ code: 'REQUIREMENT_UNMET' });
    expect(Buffer.compare(device.content, before)).toBe(0);
    expect((await unlock(device, header, { passphrase: passphrase('a') }))?.keyslot).toBe(0);
    expect((await removeKeyslot(device, header, 0)).metadata.keyslots).toEqual({});
  });
});

describe('setFlags', () => {
  it('replaces the flags it knows and keeps the others', async () => {
    const { device, header: plain } = await volume();
    writeMetadata(device, plain, (m) => (m.config.flags = ['mine', 'no-journal']));
    const header = await setFlags(device, await readHeader(device), ['high-priority', 'allow-discards']);
    expect(header.metadata.config.flags).toEqual(['allow-discards', 'high-priority', 'mine']);
  });
});
