import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { clearIfDead, deviceDirectories } from './claim.ts';
import type { DeviceInfo } from './request.ts';
import { type DevicePaths, devicePaths } from './runtime-directory.ts';

/** What stays the same of a device, unless it is renamed. */
export type DeviceState = Pick<
  DeviceInfo,
  | 'name'
  | 'uuid'
  | 'major'
  | 'minor'
  | 'pid'
  | 'common'
  | 'uris'
  | 'socket'
  | 'export'
  | 'shortcomings'
  | 'description'
>;

/**
 * Leaves on record what a device is, for other daemons, which look devices up by name, number and UUID, and
 * for people who look at the directory. No secrets.
 */
export function writeState(paths: DevicePaths, info: DeviceInfo): void {
  const { name, uuid, major, minor, pid, common, uris, socket, shortcomings, description } = info;
  const state: DeviceState = {
    name,
    uuid,
    major,
    minor,
    pid,
    common,
    uris,
    socket,
    export: info.export,
    shortcomings,
    description,
  };
  const draft = `${paths.state}.new`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(draft, paths.state);
}

/** Of every device of a daemon that lives or will be replaced, and has got so far, by name. */
export function readStates(root: string): DeviceState[] {
  return deviceDirectories(root).flatMap((name) => {
    const paths = devicePaths(root, name);
    const { kind } = clearIfDead(paths.directory);
    if (kind !== 'owner' && kind !== 'guarded') return [];
    try {
      return [JSON.parse(readFileSync(paths.state, 'utf8')) as DeviceState];
    } catch {
      // It is starting, or was closed this moment.
      return [];
    }
  });
}
