import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  checkNodeLink,
  linkNode,
  nodeLinkPath,
  renameNode,
  unlinkNode,
} from '../../../src/daemon/device-node.ts';
import { codeOf } from '../../suites/block-device.ts';
import { requires } from '../../suites/requires.ts';

describe('the name of a link', () => {
  it.each([
    ['plain', 'plain'],
    ['a#+-.:=@_9', 'a#+-.:=@_9'],
    ['my disk', 'my\\x20disk'],
    ['über', '\\xc3\\xbcber'],
    ['back\\slash', 'back\\x5cslash'],
    ['my\\x20disk', 'my\\x20disk'],
    ['my\\x20 disk', 'my\\x5cx20\\x20disk'],
  ])('of %s is as libdevmapper has it', (name, file) => {
    expect(nodeLinkPath(name)).toBe(`/dev/mapper/${file}`);
  });
});

describe.skipIf(!requires('root', 'mknod'))('the link to a device', () => {
  let dev: string;
  let directory: string;
  let sysfs: string;
  const node = (name: string): string => join(dev, name);
  const path = (name: string): string => join(directory, name);
  const exists = (at: string): boolean => lstatSync(at, { throwIfNoEntry: false }) !== undefined;
  const options = (left?: string) => ({ directory, sysfs, ...(left !== undefined && { left }) });

  beforeEach(() => {
    dev = mkdtempSync(join(tmpdir(), 'tscrypt-nodes-'));
    directory = join(dev, 'mapper');
    sysfs = join(dev, 'sys');
    mkdirSync(sysfs);
    // Numbers that no driver has: nobody opens them.
    for (const [index, name] of ['ublkb0', 'ublkb1'].entries())
      execFileSync('mknod', [node(name), 'b', '4095', String(index)]);
  });
  afterEach(() => rmSync(dev, { recursive: true }));

  it('is made, with its directory, and leads there from wherever /dev is', async () => {
    expect(await linkNode('my disk', node('ublkb0'), options())).toBe(path('my\\x20disk'));
    expect(readlinkSync(path('my\\x20disk'))).toBe('../ublkb0');
    expect(lstatSync(directory).mode & 0o777).toBe(0o755);
    // Once more, as after a recovery.
    expect(await linkNode('my disk', node('ublkb0'), options())).toBe(path('my\\x20disk'));
    await unlinkNode('my disk', node('ublkb0'), options());
    expect(exists(path('my\\x20disk'))).toBe(false);
    await unlinkNode('my disk', node('ublkb0'), options());
  });

  it('leads to block devices only', async () => {
    writeFileSync(node('file'), '');
    expect(await linkNode('disk', node('file'), options())).toBeUndefined();
    expect(await linkNode('disk', node('none'), options())).toBeUndefined();
    expect(exists(directory)).toBe(false);
  });

  it('never takes the place of what is not ours', async () => {
    mkdirSync(directory);
    execFileSync('mknod', [path('node'), 'b', '4095', '7']);
    symlinkSync('../dm-0', path('theirs'));
    symlinkSync('../ublkb1', path('other'));
    writeFileSync(path('file'), '');
    mkdirSync(path('folder'));
    for (const name of ['node', 'theirs', 'other', 'file', 'folder']) {
      const before = lstatSync(path(name)).ino;
      expect(await codeOf(() => checkNodeLink(name, options()))).toBe('DEVICE_EXISTS');
      expect(await codeOf(() => checkNodeLink(name, options(node('ublkb0'))))).toBe('DEVICE_EXISTS');
      expect(await codeOf(() => linkNode(name, node('ublkb0'), options()))).toBe('DEVICE_EXISTS');
      expect(await codeOf(() => linkNode(name, node('ublkb0'), options(node('gone'))))).toBe('DEVICE_EXISTS');
      await unlinkNode(name, node('ublkb0'), options());
      expect(lstatSync(path(name)).ino).toBe(before);
    }
    await checkNodeLink('free', options());
  });

  it('takes the place of what a dead daemon left, whether its device is still there or not', async () => {
    mkdirSync(directory);
    for (const left of ['ublkb1', 'gone']) {
      symlinkSync(`../${left}`, path('disk'));
      await checkNodeLink('disk', options(node(left)));
      expect(await linkNode('disk', node('ublkb0'), options(node(left)))).toBe(path('disk'));
      expect(readlinkSync(path('disk'))).toBe('../ublkb0');
      await unlinkNode('disk', node('ublkb0'), options());
    }
    // An absolute one too.
    symlinkSync(node('ublkb1'), path('disk'));
    expect(await linkNode('disk', node('ublkb0'), options(node('ublkb1')))).toBe(path('disk'));
  });

  it('has no name that a device of the kernel has, even one without a node', async () => {
    mkdirSync(join(sysfs, 'dm-3/dm'), { recursive: true });
    mkdirSync(join(sysfs, 'loop0'), { recursive: true });
    writeFileSync(join(sysfs, 'dm-3/dm/name'), 'my\\x20disk\n');
    expect(await codeOf(() => checkNodeLink('my disk', options()))).toBe('DEVICE_EXISTS');
    expect(await codeOf(() => checkNodeLink('my\\x20disk', options()))).toBe('DEVICE_EXISTS');
    await checkNodeLink('disk', options());
  });

  it('is renamed with its device, unless the new name is taken', async () => {
    await linkNode('old', node('ublkb0'), options());
    expect(await renameNode('old', 'new', node('ublkb0'), options())).toBe(path('new'));
    expect(exists(path('old'))).toBe(false);
    expect(readlinkSync(path('new'))).toBe('../ublkb0');
    symlinkSync('../ublkb1', path('taken'));
    expect(await codeOf(() => renameNode('new', 'taken', node('ublkb0'), options()))).toBe('DEVICE_EXISTS');
    expect(readlinkSync(path('new'))).toBe('../ublkb0');
    expect(await renameNode('new', 'new', node('ublkb0'), options())).toBe(path('new'));
    expect(readlinkSync(path('new'))).toBe('../ublkb0');
  });
});
