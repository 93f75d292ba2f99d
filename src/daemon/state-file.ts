import { renameSync, writeFileSync } from 'node:fs';
import type { DeviceInfo } from './request.ts';
import type { DevicePaths } from './runtime-directory.ts';

/** Leaves on record what the device was at its start, for people who look at the directory. No secrets. */
export function writeState(paths: DevicePaths, info: DeviceInfo): void {
  const { openCount: _, closeDeferred: __, suspended: ___, ...lasting } = info;
  const draft = `${paths.state}.new`;
  writeFileSync(draft, `${JSON.stringify(lasting, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(draft, paths.state);
}
