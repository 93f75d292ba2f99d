import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelDeviceState } from './kernel-device.ts';

const FILE = 'kernel.json';

/**
 * Leaves on record, in the device's directory, what was attached to the kernel: for whoever takes it over or
 * removes it when the daemon has died. No secrets.
 *
 * @param state undefined: nothing is any more
 */
export function recordKernelDevice(directory: string, state: KernelDeviceState | undefined): void {
  const path = join(directory, FILE);
  if (!state) {
    rmSync(path, { force: true });
    return;
  }
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** What a daemon, alive or dead, had attached last; undefined if nothing is known of anything. */
export function recordedKernelDevice(directory: string): KernelDeviceState | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, FILE), 'utf8')) as KernelDeviceState;
  } catch {
    return undefined;
  }
}

/** Whether the kernel may still have something of the device whose directory this is. */
export function hasKernelRecord(directory: string): boolean {
  return existsSync(join(directory, FILE));
}
