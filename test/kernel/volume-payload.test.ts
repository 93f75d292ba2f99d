import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BlockDevice } from '../../src/block/index.ts';
import { LuksVolume, type VolumeLocation } from '../../src/volume/index.ts';
import { requires } from '../suites/requires.ts';
import { check, workspace } from '../suites/tools.ts';
import {
  formatArguments,
  formatOptions,
  PASSPHRASE,
  passphrase,
  VOLUME_MATRIX,
  VOLUME_SAMPLE,
  volumeFiles,
} from '../suites/volume-matrix.ts';
import { runInKernel } from './harness/harness.ts';

/** Bytes that each side writes for the other; the first half of a volume is ours, the second the kernel's. */
const HALF = 512 * 1024;

const VOLUMES = [
  ...VOLUME_MATRIX.map((volume) => ({ volume, maker: 'here' as const })),
  ...VOLUME_SAMPLE.map((volume) => ({ volume, maker: 'cryptsetup' as const })),
].map((made) => ({ ...made, name: `${made.volume.name}-${made.maker}` }));

/** What the kernel does with each volume: read what we wrote, then write for us. */
const GUEST = `set -e
while read -r name device header; do
  cryptsetup open --key-file passphrase \${header:+--header "$header"} "$device" "$name"
  sum=$(head -c ${HALF} "/dev/mapper/$name" | sha256sum)
  size=$(blockdev --getsize64 "/dev/mapper/$name")
  sectors=$(blockdev --getss "/dev/mapper/$name")
  dd if=from-kernel of="/dev/mapper/$name" bs=${HALF} seek=1 conv=fsync status=none
  cryptsetup close "$name"
  echo "$name $size $sectors \${sum%% *}"
done <volumes`;

describe.skipIf(!requires('uml', 'cryptsetup'))('payload of LUKS2 volumes, here and in the kernel', () => {
  const files = workspace();
  const locations = new Map<string, VolumeLocation>();
  const fromHere = new Map<string, Buffer>();
  const fromKernel = randomBytes(HALF);
  const seen = new Map<string, string>();

  beforeAll(async () => {
    await writeFile(files.file('passphrase'), PASSPHRASE);
    await writeFile(files.file('from-kernel'), fromKernel);
    for (const { name, volume, maker } of VOLUMES) {
      const location = await volumeFiles(files, name, volume, 2 * HALF);
      if (maker === 'here') await LuksVolume.format(location, formatOptions(volume), passphrase());
      else await check('cryptsetup', formatArguments(volume, location), { stdin: PASSPHRASE });
      locations.set(name, location);

      const payload = randomBytes(HALF);
      fromHere.set(name, payload);
      await withMapped(location, async (device) => {
        await device.write(0, payload);
        await device.flush();
      });
    }
    const list = [...locations].map(([name, { device, header }]) => [name, device, header ?? ''].join(' '));
    await writeFile(files.file('volumes'), list.map((line) => `${line}\n`).join(''));
    const guest = await runInKernel(`cd '${files.path}'\n${GUEST}`, {
      rwDirs: [files.path],
      timeout: 240_000,
    });
    for (const line of guest.stdout.trim().split('\n')) seen.set(line.split(' ')[0]!, line);
    expect(guest, guest.stderr).toMatchObject({ status: 0 });
  }, 300_000);

  it.each(VOLUMES)('$name: the kernel reads what we wrote', ({ name, volume }) => {
    const sum = createHash('sha256').update(fromHere.get(name)!).digest('hex');
    expect(seen.get(name)).toBe(`${name} ${2 * HALF} ${volume.sectorSize} ${sum}`);
  });

  it.each(VOLUMES)('$name: we read what the kernel wrote', async ({ name, volume }) => {
    const read = Buffer.alloc(2 * HALF);
    await withMapped(locations.get(name)!, async (device) => {
      expect(device.size).toBe(2 * HALF);
      expect(device.limits.logicalBlockSize).toBe(volume.sectorSize);
      await device.read(0, read);
    });
    expect(read.subarray(0, HALF).equals(fromHere.get(name)!)).toBe(true);
    expect(read.subarray(HALF).equals(fromKernel)).toBe(true);
  });
});

/** The volume as our mapped device, in this process. */
async function withMapped(
  location: VolumeLocation,
  use: (device: BlockDevice) => Promise<void>,
): Promise<void> {
  const volume = await LuksVolume.load(location);
  const unlocked = await volume.unlock({ kind: 'passphrase', passphrase: passphrase() });
  const device = await volume.map(unlocked);
  unlocked.volumeKey.dispose();
  try {
    await use(device);
  } finally {
    await device.close();
  }
}
