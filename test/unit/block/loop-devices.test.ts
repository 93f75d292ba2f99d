import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writableLoopDevices } from '../../../src/block/loop-devices.ts';

const directory = mkdtempSync(join(tmpdir(), 'tscrypt-loop-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A /sys/block in which these loop devices are attached (or not) to files. */
function sysfs(devices: Readonly<Record<string, { backing?: string; readOnly?: boolean }>>): string {
  const root = mkdtempSync(join(directory, 'sys-'));
  for (const [name, { backing, readOnly }] of Object.entries(devices)) {
    mkdirSync(join(root, name, backing === undefined ? '' : 'loop'), { recursive: true });
    writeFileSync(join(root, name, 'ro'), readOnly ? '1\n' : '0\n');
    if (backing !== undefined) writeFileSync(join(root, name, 'loop/backing_file'), `${backing}\n`);
  }
  return root;
}

it('finds the loop devices that can write to an image, by whatever name it is given', async () => {
  const image = join(directory, 'disk image');
  const link = join(directory, 'link');
  writeFileSync(image, '');
  symlinkSync(image, link);
  const root = sysfs({
    loop0: {},
    loop1: { backing: image },
    loop2: { backing: image, readOnly: true },
    loop3: { backing: `${image}.other` },
    sda: { backing: image },
  });
  expect(await writableLoopDevices(image, root)).toEqual(['/dev/loop1']);
  expect(await writableLoopDevices(link, root)).toEqual(['/dev/loop1']);
});

it('finds none where nothing is attached, or sysfs is not there', async () => {
  const image = join(directory, 'free');
  writeFileSync(image, '');
  expect(await writableLoopDevices(image, sysfs({ loop0: {} }))).toEqual([]);
  expect(await writableLoopDevices(image, join(directory, 'absent'))).toEqual([]);
});
