import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimDevice, openFile } from '../../../src/block/index.ts';
import { MIB } from '../../../src/units.ts';
import { LuksVolume } from '../../../src/volume/index.ts';
import { codeOf, pattern } from '../../suites/block-device.ts';
import { requires } from '../../suites/requires.ts';
import { passphrase, SMALL } from '../luks2/images.ts';

let directory: string;
let image: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tscrypt-format-'));
  image = join(directory, 'image');
  await writeFile(image, pattern(2 * MIB, 1));
});
afterEach(() => rm(directory, { recursive: true }));

const PBKDF = { type: 'pbkdf2', forceIterations: 1000 } as const;
const format = (location: { device: string; header?: string }) =>
  codeOf(() =>
    LuksVolume.format(
      location,
      { ...SMALL, alignPayload: location.header === undefined ? 8 : undefined, pbkdf: PBKDF },
      passphrase('a'),
    ),
  );
const untouched = async (path: string) => Buffer.compare(await readFile(path), pattern(2 * MIB, 1)) === 0;

describe('formatting what is in use', () => {
  it('is refused where the image is mapped', async () => {
    const claim = await claimDevice(image, 'write');
    expect(await format({ device: image })).toBe('DEVICE_BUSY');
    await claim.release();
    expect(await untouched(image)).toBe(true);
    expect(await format({ device: image })).toBeUndefined();
  });

  it('is refused where the image that the header goes to is mapped', async () => {
    const data = join(directory, 'data');
    await writeFile(data, pattern(2 * MIB, 2));
    const claim = await claimDevice(image, 'write');
    expect(await format({ device: data, header: image })).toBe('DEVICE_BUSY');
    await claim.release();
    expect(await untouched(image)).toBe(true);
  });

  // A mounted file system and a mapping of the kernel's own hold a disk as an exclusive open does.
  it.skipIf(!requires('root', 'losetup'))(
    'is refused where the kernel has the disk in use',
    async (context) => {
      let disk: string;
      try {
        disk = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
      } catch {
        return context.skip('no loop devices here');
      }
      try {
        const holder = await openFile(disk, { exclusive: true });
        expect(await format({ device: disk })).toBe('DEVICE_BUSY');
        await holder.close();
        expect(await untouched(image)).toBe(true);
        expect(await format({ device: disk })).toBeUndefined();
      } finally {
        execFileSync('losetup', ['--detach', disk]);
      }
    },
  );
});
