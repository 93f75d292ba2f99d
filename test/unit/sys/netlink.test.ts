import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  callGenericNetlink,
  ffiAvailable,
  listMounts,
  netlinkAttributes,
  netlinkNest,
  netlinkString,
  netlinkU32,
  netlinkU64,
} from '../../../src/sys/index.ts';

describe('netlink attributes', () => {
  it('are lengths, types and values, each at a multiple of four', () => {
    expect(netlinkString(2, 'nbd').toString('hex')).toBe('080002006e626400');
    expect(netlinkU64(3, 2 ** 40).toString('hex')).toBe('0c0003000000000000010000');
    const nest = netlinkNest(7, [netlinkU32(1, 5), netlinkString(2, 'ab')]);
    expect(nest.readUInt16LE(2)).toBe(0x8007);
    const outer = netlinkAttributes(Buffer.concat([netlinkString(9, 'x'), nest]));
    expect([...outer.keys()]).toEqual([9, 7]);
    expect(
      netlinkAttributes(outer.get(7) as Buffer)
        .get(1)
        ?.readUInt32LE(),
    ).toBe(5);
  });

  it('that are cut off end the list', () => {
    expect(netlinkAttributes(netlinkU32(1, 5).subarray(0, 6)).size).toBe(0);
    expect(netlinkAttributes(Buffer.from([2, 0, 1, 0])).size).toBe(0);
  });
});

describe.skipIf(!ffiAvailable())('generic netlink (needs foreign functions)', () => {
  it('finds the family that knows the others', async () => {
    const [answer] = await callGenericNetlink('nlctrl', 3, [netlinkString(2, 'nlctrl')]);
    expect(answer?.get(1)?.readUInt16LE()).toBe(16);
  });

  it('says when there is no such family', async () => {
    await expect(callGenericNetlink('nobody', 1, [])).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the table of mounts', () => {
  it('is read with its escapes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mounts-'));
    const path = join(directory, 'mountinfo');
    writeFileSync(
      path,
      [
        '36 35 98:0 / /mnt/two\\040words rw,noatime shared:1 - ext3 /dev/root rw',
        '40 36 0:57 / /é\\134 rw - fuse.tscrypt tscrypt:1 rw,user_id=0',
        '',
      ].join('\n'),
    );
    expect(await listMounts(path)).toEqual([
      { device: '98:0', mountPoint: '/mnt/two words', type: 'ext3', source: '/dev/root' },
      { device: '0:57', mountPoint: '/é\\', type: 'fuse.tscrypt', source: 'tscrypt:1' },
    ]);
    rmSync(directory, { recursive: true });
  });
});
