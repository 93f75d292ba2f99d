import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { confirm } from '../../../src/cli/confirm.ts';
import { removeKeyslotAsked } from '../../../src/cli/keyslot-removal.ts';
import { Ui } from '../../../src/cli/ui.ts';
import { randomSecret } from '../../../src/crypto/index.ts';
import { addKeyslot, readHeader } from '../../../src/luks2/index.ts';
import { MIB } from '../../../src/units.ts';
import { LuksVolume } from '../../../src/volume/index.ts';
import { withHeaderDevice } from '../../../src/volume/location.ts';
import { CHEAP, passphrase, SMALL } from '../luks2/images.ts';

vi.mock('../../../src/cli/confirm.ts', async (original) => ({
  ...(await original<typeof import('../../../src/cli/confirm.ts')>()),
  confirm: vi.fn(async () => false),
}));

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tscrypt-removal-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('removing a keyslot', () => {
  it('asks before the last that opens the volume goes, whatever other keys are stored', async () => {
    const device = join(directory, 'image');
    await writeFile(device, new Uint8Array(2 * MIB));
    const pbkdf = { type: 'pbkdf2', forceIterations: 1000 } as const;
    await LuksVolume.format({ device }, { ...SMALL, pbkdf }, passphrase('a'));
    await withHeaderDevice({ device }, 'write', async (opened) => {
      const header = await readHeader(opened);
      await addKeyslot(opened, header, randomSecret(16), passphrase('u'), { pbkdf: CHEAP, unbound: true });
    });
    const volume = await LuksVolume.load({ device });
    const ui = new Ui({});
    await expect(removeKeyslotAsked(volume, 0, ui)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(volume.activeKeyslots()).toEqual([0, 1]);
    vi.mocked(confirm).mockClear();
    await removeKeyslotAsked(volume, 1, ui);
    expect(confirm).not.toHaveBeenCalled();
    expect(volume.activeKeyslots()).toEqual([0]);
  });
});
