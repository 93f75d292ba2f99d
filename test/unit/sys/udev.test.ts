import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffiAvailable, lockedMemoryLimit, udevRuns, waitForUdev } from '../../../src/sys/index.ts';

let directory: string;
let controlSocket: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tscrypt-udev-'));
  controlSocket = join(directory, 'control');
  writeFileSync(controlSocket, '');
});
afterAll(() => rmSync(directory, { recursive: true }));

const NO_DEVICE = { major: 4095, minor: 1 };

describe('waiting for udev', () => {
  it('does not, where there is none', async () => {
    const nowhere = join(directory, 'none');
    expect(udevRuns(nowhere)).toBe(false);
    expect(await waitForUdev(NO_DEVICE, { controlSocket: nowhere })).toBe('absent');
  });

  it.skipIf(!ffiAvailable())('does not wait for the events of a device that is not there', async () => {
    expect(udevRuns(controlSocket)).toBe(true);
    const before = openDescriptors();
    for (let i = 0; i < 3; i++) {
      expect(await waitForUdev(NO_DEVICE, { controlSocket, patience: 60_000 })).toBe('absent');
    }
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('the limit of locked memory', () => {
  it('is what the kernel says', () => {
    const [, soft] = /^Max locked memory\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    expect(lockedMemoryLimit()).toBe(soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft));
  });
});
