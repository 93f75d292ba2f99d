import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { LuksVolume, restoreVolumeHeader, type VolumeLocation } from '../../src/volume/index.ts';
import { requires } from '../suites/requires.ts';
import { check, cryptsetup, workspace } from '../suites/tools.ts';
import {
  formatOptions,
  PASSPHRASE,
  passphrase,
  VOLUME_MATRIX,
  volumeFiles,
} from '../suites/volume-matrix.ts';

const VOLUME = VOLUME_MATRIX.find(({ name }) => name === 'argon2id-xts512-512')!;
const CHEAP = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
const TOKEN = JSON.stringify({
  type: 'of-a-stranger',
  keyslots: ['0'],
  'un known': { deep: [1, null, 'é/'] },
});

const KEYS = {
  first: PASSPHRASE,
  second: Buffer.from('second'),
  third: Buffer.from('third'),
  fourth: Buffer.from('fourth'),
};

/** Steps that the two make in turns on one volume; after each, both see the same. */
describe.skipIf(!requires('cryptsetup'))('one volume that both work on', () => {
  const files = workspace();
  let location: VolumeLocation;

  beforeAll(async () => {
    location = await volumeFiles(files, 'shared', VOLUME, 64 * 1024);
    await LuksVolume.format(location, formatOptions(VOLUME), passphrase());
    for (const [name, key] of Object.entries(KEYS)) await writeFile(files.file(name), key);
  });

  it('they add a keyslot, a label and a token that nobody knows', async () => {
    await stock([
      'luksAddKey',
      ...CHEAP,
      '--key-file',
      files.file('first'),
      location.device,
      files.file('second'),
    ]);
    await stock(['config', '--label', 'a label', '--subsystem', 'of some sort', location.device]);
    await stock(['config', '--key-slot', '1', '--priority', 'prefer', location.device]);
    await stock(['token', 'import', '--json-file', '-', location.device], TOKEN);
    await expectKeyslots({ first: 0, second: 1 });
  });

  it('we add a keyslot with the key of theirs', async () => {
    const volume = await LuksVolume.load(location);
    const { volumeKey } = await volume.unlock({ kind: 'passphrase', passphrase: passphrase(KEYS.second) });
    const pbkdf = { type: 'pbkdf2', hash: 'sha512', forceIterations: 1000 } as const;
    expect(await volume.addKeyslot(volumeKey, passphrase(KEYS.third), { keyslot: 5, pbkdf })).toBe(5);
    volumeKey.dispose();
    await expectKeyslots({ first: 0, second: 1, third: 5 });
  });

  it('we change the passphrase of theirs', async () => {
    const volume = await LuksVolume.load(location);
    const unlocked = await volume.unlock({ kind: 'passphrase', passphrase: passphrase(KEYS.second) });
    const pbkdf = { type: 'argon2i', forceIterations: 4, memoryKib: 64, parallel: 1 } as const;
    expect(await volume.changeKeyslot(unlocked, passphrase(KEYS.fourth), { pbkdf })).toBe(1);
    unlocked.volumeKey.dispose();
    await expectKeyslots({ first: 0, fourth: 1, third: 5 });
  });

  it('they change the passphrase of ours', async () => {
    const args = ['luksChangeKey', ...CHEAP, '--key-slot', '5', '--key-file', files.file('third')];
    await stock([...args, location.device, files.file('second')]);
    await expectKeyslots({ first: 0, fourth: 1, second: 5 });
  });

  it('a header backup of either is a header to the other', async () => {
    const [ours, theirs] = [files.file('backup-here'), files.file('backup-there')];
    await (await LuksVolume.load(location)).backupHeader(ours);
    await stock(['luksHeaderBackup', '--header-backup-file', theirs, location.device]);
    expect((await readFile(ours)).equals(await readFile(theirs))).toBe(true);

    await stock(['luksKillSlot', location.device, '0']);
    await expectKeyslots({ fourth: 1, second: 5 });
    await restoreVolumeHeader(location, theirs);
    await expectKeyslots({ first: 0, fourth: 1, second: 5 });
    await (await LuksVolume.load(location)).removeKeyslot(0);
    await expectKeyslots({ fourth: 1, second: 5 });
    await stock(['luksHeaderRestore', '--header-backup-file', ours, location.device]);
    await expectKeyslots({ first: 0, fourth: 1, second: 5 });
  });

  it('each removes one of the other', async () => {
    await (await LuksVolume.load(location)).removeKeyslot(5);
    await stock(['luksKillSlot', location.device, '1']);
    await expectKeyslots({ first: 0 });
  });

  it('we give it a new UUID', async () => {
    const uuid = '01234567-89ab-cdef-0123-456789abcdef';
    await (await LuksVolume.load(location)).setUuid(uuid);
    expect((await check('cryptsetup', ['luksUUID', location.device])).stdout.trim()).toBe(uuid);
    await expectKeyslots({ first: 0 });
  });

  async function stock(args: readonly string[], stdin: string | Uint8Array = ''): Promise<void> {
    const result = await cryptsetup(['--batch-mode', ...args], { stdin });
    expect(result, result.stderr).toMatchObject({ status: 0 });
  }

  /** Both open these keyslots with these keys and no others, print the same, and the token is still there. */
  async function expectKeyslots(slots: Partial<Record<keyof typeof KEYS, number>>): Promise<void> {
    const volume = await LuksVolume.load(location);
    expect(volume.activeKeyslots()).toEqual(Object.values(slots).sort());
    for (const name of Object.keys(KEYS) as (keyof typeof KEYS)[]) {
      const slot = slots[name];
      const opened = await volume
        .unlock({ kind: 'passphrase', passphrase: passphrase(KEYS[name]) })
        .catch((error: { code: string }) => error.code);
      const found = typeof opened === 'string' ? opened : opened.keyslot;
      expect(found, name).toBe(slot ?? 'WRONG_PASSPHRASE');
      if (typeof opened !== 'string') opened.volumeKey.dispose();
      const args = ['open', '--test-passphrase', '--key-file', files.file(name), location.device];
      const theirs = await cryptsetup(slot === undefined ? args : [...args, '--key-slot', String(slot)]);
      expect(theirs.status, `${name}: ${theirs.stderr}`).toBe(slot === undefined ? 2 : 0);
    }
    expect((await check('cryptsetup', ['luksDump', location.device])).stdout).toBe(volume.dumpText());
    const json = await check('cryptsetup', ['luksDump', '--dump-json-metadata', location.device]);
    expect(json.stdout.trimEnd()).toBe(volume.dumpJson().trimEnd());
  }
});
