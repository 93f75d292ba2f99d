import { describe, expect, it } from 'vitest';
import { LuksVolume, type VolumeLocation } from '../../src/volume/index.ts';
import { requires } from '../suites/requires.ts';
import { check, cryptsetup, workspace } from '../suites/tools.ts';
import {
  formatArguments,
  formatOptions,
  locationArguments,
  PASSPHRASE,
  passphrase,
  VOLUME_MATRIX,
  volumeFiles,
} from '../suites/volume-matrix.ts';

const PAYLOAD = 64 * 1024;

describe.skipIf(!requires('cryptsetup'))('LUKS2 volumes, here and in stock cryptsetup', () => {
  const files = workspace();

  it.each(VOLUME_MATRIX)('$name, made here, opens there', async (volume) => {
    const location = await volumeFiles(files, `here-${volume.name}`, volume, PAYLOAD);
    const made = await LuksVolume.format(location, formatOptions(volume), passphrase());

    expect(await stockTest(location, PASSPHRASE)).toBe(0);
    expect(await stockTest(location, PASSPHRASE.subarray(1))).toBe(2);
    expect(await stockDump(location)).toBe(made.volume.dumpText());
    expect(await stockJson(location)).toBe(made.volume.dumpJson());
  });

  it.each(VOLUME_MATRIX)('$name, made there, opens here', async (volume) => {
    const location = await volumeFiles(files, `there-${volume.name}`, volume, PAYLOAD);
    const made = await cryptsetup(formatArguments(volume, location), { stdin: PASSPHRASE });
    expect(made, made.stderr).toMatchObject({ status: 0 });

    const loaded = await LuksVolume.load(location);
    const unlocked = await loaded.unlock({ kind: 'passphrase', passphrase: passphrase() });
    expect(unlocked.keyslot).toBe(0);
    expect(unlocked.volumeKey.length).toBe(volume.keyBits / 8);
    unlocked.volumeKey.dispose();
    await expect(
      loaded.unlock({ kind: 'passphrase', passphrase: passphrase(PASSPHRASE.subarray(1)) }),
    ).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
    expect(loaded.dumpText()).toBe(await stockDump(location));
    expect(loaded.dumpJson()).toBe(await stockJson(location));
  });
});

async function stockTest(location: VolumeLocation, key: Uint8Array): Promise<number> {
  const args = ['open', '--test-passphrase', '--key-file', '-', ...locationArguments(location)];
  return (await cryptsetup(args, { stdin: key })).status;
}

async function stockDump(location: VolumeLocation, ...options: string[]): Promise<string> {
  return (await check('cryptsetup', ['luksDump', ...options, location.header ?? location.device])).stdout;
}

/** Old versions leave the last newline out. */
async function stockJson(location: VolumeLocation): Promise<string> {
  return (await stockDump(location, '--dump-json-metadata')).replace(/\n?$/, '\n');
}
