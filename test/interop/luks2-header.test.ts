import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type BlockDevice, openFile } from '../../src/block/index.ts';
import { type Pbkdf, Secret } from '../../src/crypto/index.ts';
import {
  addKeyslot,
  backupHeader,
  changeKeyslot,
  dumpJson,
  dumpText,
  type FormatParams,
  formatDevice,
  readHeader,
  recoverHeader,
  removeKeyslot,
  requiredHeaderSize,
  restoreHeader,
  setFlags,
  setLabels,
  setPriority,
  setUuid,
  unlock,
  writeHeader,
} from '../../src/luks2/index.ts';
import { MIB } from '../../src/units.ts';
import { requires } from '../suites/requires.ts';
import { cryptsetup, workspace } from '../suites/tools.ts';
import { CHEAP, passphrase } from '../unit/luks2/images.ts';

/** Headers of ours read and changed by the stock tool, and the reverse, on files. */

const KDFS: readonly { pbkdf: Pbkdf; options: string[] }[] = [
  {
    pbkdf: { type: 'argon2id', time: 4, memory: 64, cpus: 1 },
    options: ['--pbkdf', 'argon2id', '--pbkdf-memory', '64', '--pbkdf-force-iterations', '4'],
  },
  {
    pbkdf: { type: 'argon2i', time: 5, memory: 1024, cpus: 2 },
    options: ['--pbkdf', 'argon2i', '--pbkdf-memory', '1024', '--pbkdf-force-iterations', '5'],
  },
  { pbkdf: CHEAP, options: ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'] },
];
const CIPHERS = [
  { cipher: 'aes-xts-plain64', keySize: 32 },
  { cipher: 'aes-xts-plain64', keySize: 64 },
  { cipher: 'aes-cbc-essiv:sha256', keySize: 32 },
];
const MATRIX = KDFS.flatMap((kdf) =>
  CIPHERS.flatMap((cipher) =>
    [512, 4096].flatMap((sectorSize) =>
      [false, true].map((detached) => ({
        ...kdf,
        ...cipher,
        sectorSize,
        detached,
        name: `${kdf.pbkdf.type} ${cipher.cipher} ${cipher.keySize * 8} sector ${sectorSize}${detached ? ' detached' : ''}`,
      })),
    ),
  ),
);

const CHEAP_OPTIONS = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
const KEYSLOTS_SIZE = 2 * MIB;

describe.skipIf(!requires('cryptsetup'))('LUKS2 headers and stock cryptsetup', () => {
  const work = workspace();

  function file(name: string, size: number): string {
    const path = work.file(name);
    writeFileSync(path, '');
    truncateSync(path, size);
    return path;
  }

  /** The stock tool makes a header file itself; one that is there must be large enough. */
  function absent(name: string): string {
    rmSync(work.file(name), { force: true });
    return work.file(name);
  }

  async function withDevice<T>(path: string, use: (device: BlockDevice) => Promise<T>): Promise<T> {
    const device = await openFile(path, { readOnly: false });
    try {
      return await use(device);
    } finally {
      await device.close();
    }
  }

  async function stock(args: readonly string[], stdin = ''): Promise<string> {
    const { status, stdout, stderr } = await cryptsetup(['-q', ...args], { stdin });
    if (status !== 0) throw new Error(`cryptsetup ${args.join(' ')}: ${status} ${stderr}`);
    return stdout;
  }

  async function stockOpens(header: string, text: string, ...more: string[]): Promise<number> {
    return (
      await cryptsetup(['open', '--test-passphrase', '--key-file', '-', ...more, header], { stdin: text })
    ).status;
  }

  async function expectSameDumps(path: string): Promise<void> {
    const header = await withDevice(path, readHeader);
    expect(dumpText(header)).toBe(await stock(['luksDump', path]));
    // The stock tool ends this text with a newline from 2.7 on.
    expect(dumpJson(header).trimEnd()).toBe(
      (await stock(['luksDump', '--dump-json-metadata', path])).trimEnd(),
    );
  }

  async function opens(path: string, text: string, keyslot?: number): Promise<number | undefined> {
    return withDevice(path, async (device) => {
      const found = await unlock(device, await readHeader(device), { passphrase: passphrase(text), keyslot });
      found?.volumeKey.dispose();
      return found?.keyslot;
    });
  }

  describe.each(MATRIX)('$name', ({ pbkdf, options, cipher, keySize, sectorSize, detached }) => {
    const params: FormatParams = { cipher, keySize, sectorSize, detached, keyslotsSize: KEYSLOTS_SIZE };

    it('ours is read, opened and changed by theirs', async () => {
      const path = file('ours.img', detached ? requiredHeaderSize(params) : 8 * MIB);
      await withDevice(path, async (device) => {
        const { header, volumeKey } = await formatDevice(device, params, {
          passphrase: passphrase('first'),
          pbkdf,
        });
        await addKeyslot(device, header, volumeKey, passphrase('second'), { pbkdf });
      });
      await expectSameDumps(path);
      expect(await stockOpens(path, 'first')).toBe(0);
      expect(await stockOpens(path, 'second', '-S', '1')).toBe(0);
      expect(await stockOpens(path, 'third')).toBe(2);
      writeFileSync(work.file('new'), 'third');
      await stock(['luksAddKey', ...options, '--key-file', '-', path, work.file('new')], 'first');
      expect(await opens(path, 'third')).toBe(2);
      await expectSameDumps(path);
    });

    it('theirs is read, opened and changed by ours', async () => {
      const data = file('theirs.img', 8 * MIB);
      const path = detached ? absent('theirs.hdr') : data;
      const where = detached ? ['--header', path] : [];
      await stock(
        [
          ...['luksFormat', '--type', 'luks2', ...options, '-c', cipher, '-s', String(keySize * 8)],
          ...['--sector-size', String(sectorSize), '--luks2-keyslots-size', String(KEYSLOTS_SIZE)],
          ...[...where, '--key-file', '-', data],
        ],
        'first',
      );
      await expectSameDumps(path);
      expect(await opens(path, 'first')).toBe(0);
      expect(await opens(path, 'other')).toBeUndefined();
      await withDevice(path, async (device) => {
        const header = await readHeader(device);
        const found = await unlock(device, header, { passphrase: passphrase('first') });
        if (!found) throw new Error('does not open');
        const added = await addKeyslot(device, header, found.volumeKey, passphrase('second'), { pbkdf });
        await changeKeyslot(device, added.header, 0, found.volumeKey, passphrase('changed'), { pbkdf });
      });
      expect(await stockOpens(path, 'first')).toBe(2);
      expect(await stockOpens(path, 'changed')).toBe(0);
      expect(await stockOpens(path, 'second')).toBe(0);
      await expectSameDumps(path);
    });
  });

  it('the volume key is the same on both sides', async () => {
    const path = file('key.img', 8 * MIB);
    await stock(
      ['luksFormat', ...CHEAP_OPTIONS, '--luks2-keyslots-size', '1m', '--key-file', '-', path],
      'pw',
    );
    writeFileSync(work.file('pw'), 'pw');
    const text = await stock(['luksDump', '--dump-volume-key', '--key-file', work.file('pw'), path]);
    const hex = text.slice(text.indexOf('MK dump:')).replace(/MK dump:|\s/g, '');
    const found = await withDevice(path, async (device) =>
      unlock(device, await readHeader(device), { passphrase: passphrase('pw') }),
    );
    expect(Buffer.from(found?.volumeKey.bytes ?? []).toString('hex')).toBe(hex);
  });

  describe('layouts of new volumes', () => {
    it.each<[name: string, params: FormatParams, options: string[]]>([
      ['defaults', {}, []],
      ['largest metadata', { metadataSize: 4 * MIB }, ['--luks2-metadata-size', '4m']],
      ['small keyslots area', { keyslotsSize: 256 * 1024 }, ['--luks2-keyslots-size', '256k']],
      ['large keyslots area', { keyslotsSize: 32 * MIB }, ['--luks2-keyslots-size', '32m']],
      ['data offset of 1 MiB', { dataOffset: 2048 }, ['--offset', '2048']],
      ['data offset of 32 MiB', { dataOffset: 65536 }, ['--offset', '65536']],
      ['alignment', { alignPayload: 40000 }, ['--align-payload', '40000']],
      [
        'small alignment and keyslots area',
        { alignPayload: 8, keyslotsSize: 256 * 1024 },
        ['--align-payload', '8', '--luks2-keyslots-size', '256k'],
      ],
      [
        'keyslots area larger than the room before the data offset',
        { dataOffset: 2048, keyslotsSize: 4 * MIB },
        ['--offset', '2048', '--luks2-keyslots-size', '4m'],
      ],
      ['detached', { detached: true }, ['--header', 'HEADER']],
      [
        'detached with alignment',
        { detached: true, alignPayload: 8192 },
        ['--header', 'HEADER', '--align-payload', '8192'],
      ],
      [
        'detached with data offset',
        { detached: true, dataOffset: 8192 },
        ['--header', 'HEADER', '--offset', '8192'],
      ],
    ])('%s', async (_name, params, options) => {
      const theirs = file('layout.theirs', 48 * MIB);
      const header = absent('layout.hdr');
      const args = options.map((option) => (option === 'HEADER' ? header : option));
      await stock(
        ['luksFormat', ...CHEAP_OPTIONS, '--sector-size', '512', ...args, '--key-file', '-', theirs],
        'pw',
      );
      const ours = file('layout.ours', params.detached ? requiredHeaderSize(params) : 48 * MIB);
      await withDevice(ours, (device) =>
        formatDevice(device, params, { passphrase: passphrase('pw'), pbkdf: CHEAP }),
      );
      const lines = async (path: string) =>
        (await stock(['luksDump', path])).split('\n').filter((line) => /area|offset|length/i.test(line));
      expect(await lines(ours)).toEqual(await lines(params.detached ? header : theirs));
    });
  });

  it('labels, priorities, flags, tokens and unbound keys show the same', async () => {
    const path = file('rich.img', 24 * MIB);
    await withDevice(path, async (device) => {
      let { header, volumeKey } = await formatDevice(
        device,
        { label: 'a "label"/ä', subsystem: 'sub\\system', sectorSize: 4096, hash: 'sha512' },
        { passphrase: passphrase('a'), pbkdf: CHEAP },
      );
      const other = Secret.copy(Buffer.alloc(32, 5));
      const add = async (text: string, key: Secret, more: object) => {
        ({ header } = await addKeyslot(device, header, key, passphrase(text), { pbkdf: CHEAP, ...more }));
      };
      await add('b', volumeKey, { keyslot: 9, priority: 'prefer' });
      await add('c', volumeKey, { keyslot: 3, cipher: 'aes-cbc-plain64', keySize: 16, afHash: 'sha1' });
      await add('d', other, { keyslot: 31, unbound: true });
      header = await setPriority(device, header, 3, 'ignore');
      header = await setFlags(device, header, ['no-read-workqueue', 'allow-discards']);
      await setUuid(device, header, 'ABCDEF00-1111-2222-3333-444444444444');
    });
    await stock(['token', 'add', '--key-description', 'some:key', path]);
    await stock(
      ['token', 'import', '--json-file', '-', path],
      '{"type":"mine","keyslots":["9"],"n":1.50,"o":{},"a":[],"s":"/\\u001fé","10":1,"9":2}',
    );
    await expectSameDumps(path);
    for (const [text, keyslot] of [
      ['a', 0],
      ['b', 9],
      ['c', 3],
      ['d', 31],
    ] as const) {
      expect(await stockOpens(path, text, '-S', String(keyslot))).toBe(0);
      expect(await opens(path, text, keyslot)).toBe(keyslot);
    }
    expect(await opens(path, 'c')).toBeUndefined();
    await withDevice(path, async (device) => {
      const header = await removeKeyslot(device, await readHeader(device), 9);
      await setLabels(device, header, { label: '', subsystem: 'x' });
    });
    await expectSameDumps(path);
    expect(await stock(['luksUUID', path])).toBe('abcdef00-1111-2222-3333-444444444444\n');
  });

  async function damageable(name: string): Promise<string> {
    const path = file(name, 8 * MIB);
    await withDevice(path, (device) =>
      formatDevice(device, { keyslotsSize: MIB }, { passphrase: passphrase('pw'), pbkdf: CHEAP }),
    );
    return path;
  }

  it('a recovered copy is a good one to cryptsetup', async () => {
    const path = await damageable('damage.img');
    for (const offset of [0, 16384]) {
      await withDevice(path, async (device) => {
        await device.write(offset, new Uint8Array(4096));
        expect((await recoverHeader(device)).repair).toEqual([offset === 0 ? 'primary' : 'secondary']);
      });
      expect(await stockOpens(path, 'pw')).toBe(0);
      expect((await cryptsetup(['luksDump', '--debug', path])).stdout).not.toContain('requires recovery');
    }
  });

  // It repairs under its lock only, which other users go without (test/suites/tools.ts).
  it.skipIf(!requires('root'))('a copy that cryptsetup repaired needs no recovery', async () => {
    const path = await damageable('repaired.img');
    await withDevice(path, (device) => Promise.resolve(device.write(0, new Uint8Array(4096))));
    await stock(['repair', path], 'YES\n');
    expect(await withDevice(path, async (device) => (await recoverHeader(device)).repair)).toEqual([]);
  });

  it('header backups are the same and are exchanged', async () => {
    const path = file('backup.img', 8 * MIB);
    const backup = work.file('stock.backup');
    await stock(
      ['luksFormat', ...CHEAP_OPTIONS, '--luks2-keyslots-size', '1m', '--key-file', '-', path],
      'old',
    );
    await stock(['luksHeaderBackup', path, '--header-backup-file', backup]);
    const bytes = await withDevice(path, backupHeader);
    const stored = await readFile(backup);
    expect(Buffer.compare(bytes, stored)).toBe(0);

    writeFileSync(work.file('key'), 'new');
    await stock(['luksChangeKey', ...CHEAP_OPTIONS, '--key-file', '-', path, work.file('key')], 'old');
    expect(await stockOpens(path, 'old')).toBe(2);
    await withDevice(path, (device) => restoreHeader(device, stored));
    expect(await stockOpens(path, 'old')).toBe(0);
    expect(await stockOpens(path, 'new')).toBe(2);
    expect(Buffer.compare(await withDevice(path, backupHeader), stored)).toBe(0);

    await withDevice(path, async (device) => {
      const header = await readHeader(device);
      const found = await unlock(device, header, { passphrase: passphrase('old') });
      if (!found) throw new Error('does not open');
      await changeKeyslot(device, header, 0, found.volumeKey, passphrase('newer'), { pbkdf: CHEAP });
    });
    writeFileSync(work.file('ours.backup'), bytes);
    await stock(['luksHeaderRestore', path, '--header-backup-file', work.file('ours.backup')]);
    expect(await opens(path, 'old')).toBe(0);
  });

  it.each([
    ['checksum', [], ['--resilience', 'checksum']],
    ['journal', [], ['--resilience', 'journal']],
    ['none', [], ['--resilience', 'none']],
    ['data shift', ['--encrypt', '--reduce-device-size', '32M'], []],
  ])('a reencryption under way is shown and blocks changes: %s', async (_name, encrypt, options) => {
    const path = file('reencrypt.img', 40 * MIB);
    if (encrypt.length === 0) await stock(['luksFormat', ...CHEAP_OPTIONS, '--key-file', '-', path], 'pw');
    await stock(
      ['reencrypt', ...encrypt, '--init-only', ...options, ...CHEAP_OPTIONS, '--key-file', '-', path],
      'pw',
    );
    await expectSameDumps(path);
    await expect(
      withDevice(path, async (device) => setLabels(device, await readHeader(device), { label: 'x' })),
    ).rejects.toMatchObject({ code: 'REQUIREMENT_UNMET' });
  });

  it('a requirement is shown, blocks changes, and lets a passphrase be tested', async () => {
    const path = file('required.img', 8 * MIB);
    await withDevice(path, (device) =>
      formatDevice(device, { keyslotsSize: MIB }, { passphrase: passphrase('pw'), pbkdf: CHEAP }),
    );
    await withDevice(path, async (device) => {
      const header = await readHeader(device);
      const { config } = header.metadata;
      await writeHeader(device, {
        ...header,
        metadata: { ...header.metadata, config: { ...config, requirements: { mandatory: ['a-b', 'c'] } } },
      });
    });
    await expectSameDumps(path);
    expect(await stockOpens(path, 'pw')).toBe(0);
    expect(await opens(path, 'pw')).toBe(0);
    await expect(
      withDevice(path, async (device) => setLabels(device, await readHeader(device), { label: 'x' })),
    ).rejects.toMatchObject({ code: 'REQUIREMENT_UNMET' });
  });
});
