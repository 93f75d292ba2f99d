import { link, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { randomSecret, type Secret } from '../../../src/crypto/index.ts';
import { addKeyslot, type Luks2Header, readHeader, writeHeader } from '../../../src/luks2/index.ts';
import { cloneJson } from '../../../src/luks2/json.ts';
import { MIB } from '../../../src/units.ts';
import { LuksVolume } from '../../../src/volume/index.ts';
import { withHeaderDevice } from '../../../src/volume/location.ts';
import { codeOf } from '../../suites/block-device.ts';
import { CHEAP, passphrase, SMALL } from '../luks2/images.ts';

let directory: string;
let image: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tscrypt-volume-'));
  image = join(directory, 'image');
  await writeFile(image, new Uint8Array(2 * MIB));
});
afterEach(() => rm(directory, { recursive: true }));

const PBKDF = { type: 'pbkdf2', forceIterations: 1000 } as const;
const format = (location: { device: string; header?: string }, options = {}) =>
  LuksVolume.format(location, { ...SMALL, pbkdf: PBKDF, ...options }, passphrase('a'));

describe('the key a volume is mapped with', () => {
  let other: Secret;
  beforeEach(async () => {
    await format({ device: image });
    // As large as the volume's, so that nothing else would tell the two apart.
    other = randomSecret(16);
    await withHeaderDevice({ device: image }, 'write', async (device) => {
      const header = await readHeader(device);
      await addKeyslot(device, header, other, passphrase('u'), { pbkdf: CHEAP, unbound: true, keyslot: 1 });
    });
  });

  it('is not one stored beside it, whether by keyslot or as a key', async () => {
    const volume = await LuksVolume.load({ device: image });
    const unbound = { kind: 'passphrase', passphrase: passphrase('u'), keyslot: 1 } as const;
    expect(await codeOf(() => volume.unlock(unbound))).toBe('NO_SUCH_OBJECT');
    expect(await codeOf(() => volume.unlock({ kind: 'volumeKey', volumeKey: other }))).toBe(
      'WRONG_PASSPHRASE',
    );
  });

  it('is the one of its own keyslots', async () => {
    const volume = await LuksVolume.load({ device: image });
    const { volumeKey } = await volume.unlock({
      kind: 'passphrase',
      passphrase: passphrase('a'),
      keyslot: 0,
    });
    expect((await volume.unlock({ kind: 'volumeKey', volumeKey })).keyslot).toBeUndefined();
  });

  it('is verified again where the header has changed since', async () => {
    const volume = await LuksVolume.load({ device: image });
    const unlocked = await volume.unlock({ kind: 'passphrase', passphrase: passphrase('a') });
    const second = await LuksVolume.load({ device: image });
    await second.removeKeyslot(1);
    await (await volume.map(unlocked)).close();
    await format({ device: image });
    expect(await codeOf(() => volume.map(unlocked))).toBe('WRONG_PASSPHRASE');
    expect(await codeOf(() => volume.activate('changed', unlocked))).toBe('WRONG_PASSPHRASE');
  });

  it('gives another key where that is what is wanted', async () => {
    const volume = await LuksVolume.load({ device: image });
    const found = await volume.unlock({
      kind: 'passphrase',
      passphrase: passphrase('u'),
      keyslot: 1,
      unbound: true,
    });
    expect(Buffer.compare(found.volumeKey.bytes, other.bytes)).toBe(0);
  });

  it('must be the key of every segment', async () => {
    await withHeaderDevice({ device: image }, 'write', async (device) => {
      const header = await readHeader(device);
      await writeHeader(device, twoKeys(header));
    });
    const volume = await LuksVolume.load({ device: image });
    const unlocked = await volume.unlock({ kind: 'passphrase', passphrase: passphrase('a') });
    expect(await codeOf(() => volume.map(unlocked))).toBe('NOT_SUPPORTED');
  });
});

/** The volume in two segments, the second under the key of digest 1. */
function twoKeys(header: Luks2Header): Luks2Header {
  const metadata = cloneJson(header.metadata);
  const [first] = Object.values(metadata.segments);
  if (!first) throw new Error('no segment');
  metadata.segments[1] = { ...cloneJson(first), offset: String(Number(first.offset) + 4096) };
  first.size = '4096';
  metadata.digests[1]?.segments.push('1');
  return { ...header, metadata };
}

describe('a header without data behind it', () => {
  it('is not mapped as its own data', async () => {
    const header = join(directory, 'header');
    await format({ device: image, header }, { alignPayload: undefined });
    const key = { kind: 'passphrase', passphrase: passphrase('a') } as const;
    const same = join(directory, 'same');
    await link(header, same);
    for (const location of [
      { device: header },
      { device: header, header },
      { device: header, header: same },
    ]) {
      const volume = await LuksVolume.load(location);
      const unlocked = await volume.unlock(key);
      expect(await codeOf(() => volume.map(unlocked))).toBe('INVALID_ARGUMENT');
    }
    const volume = await LuksVolume.load({ device: image, header });
    const mapped = await volume.map(await volume.unlock(key));
    expect(mapped.size).toBe(2 * MIB);
    await mapped.close();
  });
});
