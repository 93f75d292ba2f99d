import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  claimDirectory,
  clearDeadStagings,
  clearIfDead,
  createStaging,
  deviceDirectories,
  releaseDirectory,
} from '../../../src/daemon/claim.ts';
import { thisProcess } from '../../../src/sys/index.ts';

const base = mkdtempSync(join(tmpdir(), 'tscrypt-claim-'));
afterAll(() => rmSync(base, { recursive: true }));
let root = '';
let number = 0;
beforeEach(() => {
  root = join(base, String(number++));
  mkdirSync(root);
});

/** What a process leaves behind that was killed: its directory, with the token of a number now unused. */
async function deadDirectory(name: string, kind = 'owner'): Promise<string> {
  const child = spawn('true');
  await once(child, 'exit');
  const directory = join(root, name);
  mkdirSync(directory);
  writeFileSync(join(directory, `${kind}.${child.pid}.12345.00ff`), '');
  writeFileSync(join(directory, 'state.json'), '{}');
  mkdirSync(join(directory, 'deeper'));
  writeFileSync(join(directory, 'deeper', 'file'), '');
  return directory;
}

const exists = expect.objectContaining({ code: 'DEVICE_EXISTS' });
const claim = (name: string): Promise<unknown> => claimDirectory(createStaging(root), join(root, name), name);

describe('claim of a name', () => {
  it('makes a private directory with its owner in it, and takes it away again', async () => {
    await claim('a');
    expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o700);
    expect(clearIfDead(join(root, 'a'))).toEqual({ kind: 'owner', process: thisProcess() });
    await expect(claim('a')).rejects.toEqual(exists);
    releaseDirectory(join(root, 'a'));
    expect(existsSync(join(root, 'a'))).toBe(false);
    expect(clearIfDead(join(root, 'a')).kind).toBe('none');
  });

  it('has one winner', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => claim('race')));
    expect(results.filter((result) => result.status === 'fulfilled').length).toBe(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toEqual(exists);
  });

  it.each(['owner', 'reaper'])('takes over from a dead %s, once', async (kind) => {
    const directory = await deadDirectory('stale', kind);
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => claim('stale')));
    expect(results.filter((result) => result.status === 'fulfilled').length).toBe(1);
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/^owner\./)]);
  });

  it('clears a dead one away', async () => {
    const directory = await deadDirectory('gone');
    expect(clearIfDead(directory).kind).toBe('none');
    expect(existsSync(directory)).toBe(false);
  });

  it('takes an empty directory, and leaves one alone that is not its own', async () => {
    mkdirSync(join(root, 'empty'));
    expect(clearIfDead(join(root, 'empty')).kind).toBe('none');
    expect(existsSync(join(root, 'empty'))).toBe(true);
    await claim('empty');
    mkdirSync(join(root, 'foreign'));
    writeFileSync(join(root, 'foreign', 'letter'), 'x');
    expect(clearIfDead(join(root, 'foreign')).kind).toBe('foreign');
    await expect(claim('foreign')).rejects.toEqual(exists);
    writeFileSync(join(root, 'file'), 'x');
    await expect(claim('file')).rejects.toEqual(exists);
    expect(existsSync(join(root, 'foreign', 'letter'))).toBe(true);
    expect(existsSync(join(root, 'file'))).toBe(true);
  });

  it('does not confuse preparations with devices, and removes those of the dead only', async () => {
    const mine = createStaging(root);
    await deadDirectory(`.starting.${2 ** 30}.1.ab`.padEnd(128, '-'));
    await claim('x'.repeat(127));
    expect(deviceDirectories(root)).toEqual(['x'.repeat(127)]);
    clearDeadStagings(root);
    expect(existsSync(mine)).toBe(true);
    expect(readdirSync(root).length).toBe(2);
  });
});
