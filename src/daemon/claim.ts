import { mkdirSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError, TscryptError } from '../errors.ts';
import { isAlive, type ProcessIdentity, thisProcess } from '../sys/index.ts';
import { guardOf } from './guards.ts';
import { hasKernelRecord } from './kernel-record.ts';
import { entries, findToken, LONGEST_NAME, longName, randomId, tokenName } from './owner-tokens.ts';

/**
 * Who owns a name. The directory NAME holds one file called `owner.PID.START.RANDOM`: the daemon. Every
 * step is one rename, which the kernel does for exactly one of several contenders:
 *
 * - taking a free name: a directory prepared elsewhere, owner file inside, is renamed to NAME, which fails
 *   while NAME exists and holds anything;
 * - clearing away a dead daemon's directory: its owner file is renamed to `reaper.…` of the one who clears,
 *   which fails for all but the first; the reaper file goes last, so a reaper that dies is itself cleared away;
 * - succeeding a dead daemon: its owner file is renamed to the successor's. Nobody clears away what a supervisor
 *   guards for a successor (guards.ts).
 *
 * No step needs file locks, so it works without foreign functions.
 */
export type Holder =
  | { readonly kind: 'none' | 'foreign' }
  | { readonly kind: 'owner' | 'reaper' | 'guarded' | 'remains'; readonly process: ProcessIdentity };

const STAGING = /^\.starting\.(\d+)\.(\d+)\.[0-9a-f]+-+$/;
const PAUSE_MS = 10;
const ATTEMPTS = 300;

/**
 * A new directory next to the devices' in which one is prepared. Its name is longer than any device's, so it
 * can never be taken for one.
 */
export function createStaging(root: string): string {
  const { pid, startTime } = thisProcess();
  const path = join(root, longName(`.starting.${pid}.${startTime}.${randomId()}`));
  mkdirSync(path, { mode: 0o700 });
  return path;
}

/**
 * Makes this process the owner of `directory`, to which `staging` is renamed. What a dead owner left
 * there is removed.
 *
 * @returns the directory's id
 * @throws TscryptError DEVICE_EXISTS when a living process owns it
 */
export async function claimDirectory(staging: string, directory: string, name: string): Promise<string> {
  const id = randomId();
  const owner = join(staging, tokenName('owner', thisProcess(), id));
  writeFileSync(owner, '', { mode: 0o600, flag: 'wx' });
  try {
    await moveTo(staging, directory, name);
    return id;
  } catch (error) {
    rmSync(owner, { force: true });
    throw error;
  }
}

/**
 * Renames a directory that this process owns, and with it the device.
 *
 * @throws TscryptError DEVICE_EXISTS when a living process owns the new name
 */
export async function moveTo(from: string, to: string, name: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      renameSync(from, to);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTDIR') throw foreign(to, name);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') {
        throw fromSystemError(error, `Cannot create ${to}`, { path: to });
      }
    }
    const holder = clearIfDead(to);
    if (holder.kind === 'owner' || holder.kind === 'guarded') break;
    if (holder.kind === 'foreign') throw foreign(to, name);
    if (holder.kind === 'remains') throw remains(name);
    if (holder.kind === 'reaper') await sleep(PAUSE_MS);
  }
  throw new TscryptError('DEVICE_EXISTS', `Device ${name} already exists.`, {
    errno: 'EBUSY',
    details: { name },
  });
}

function remains(name: string): TscryptError {
  return new TscryptError(
    'DEVICE_EXISTS',
    `The daemon of ${name} has died, and its block device is still there.`,
    {
      errno: 'EBUSY',
      details: { name },
      hint: `Remove it: tscrypt close ${name}`,
    },
  );
}

function foreign(directory: string, name: string): TscryptError {
  return new TscryptError('DEVICE_EXISTS', `${directory} is there, but was not made by tscrypt.`, {
    details: { name, path: directory },
    hint: 'Remove it.',
  });
}

/** Removes an owned directory and everything in it, the proof of ownership last. */
export function releaseDirectory(directory: string): void {
  const token = findToken(directory);
  if (token && token.process.pid === process.pid) removeAll(directory, token.file);
}

/**
 * Makes this process the owner of what one of `predecessors` owned, all of them dead and guarded.
 *
 * @returns the directory's id, which stays the same; undefined when it is none of theirs
 */
export function succeed(directory: string, predecessors: readonly ProcessIdentity[]): string | undefined {
  const token = findToken(directory);
  if (token?.kind !== 'owner' || !predecessors.some((one) => isSame(one, token.process))) return undefined;
  try {
    renameSync(join(directory, token.file), join(directory, tokenName('owner', thisProcess(), token.id)));
    return token.id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fromSystemError(error, `Cannot take over ${directory}`, { path: directory });
  }
}

function isSame(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startTime === other.startTime;
}

/** The daemon that has put its mark into the directory, alive or dead. */
export function holderOf(directory: string): ProcessIdentity | undefined {
  const token = findToken(directory);
  return token?.kind === 'owner' ? token.process : undefined;
}

/** Who holds the directory now; what is left of dead ones is removed on the way. */
export function clearIfDead(directory: string): Holder {
  for (;;) {
    const token = findToken(directory);
    // Nobody's: an empty directory can be taken as it is, and a full one is not ours to empty.
    if (!token) return { kind: entries(directory).length === 0 ? 'none' : 'foreign' };
    if (isAlive(token.process)) return { kind: token.kind, process: token.process };
    if (token.kind === 'owner' && guardOf(dirname(directory), token.process))
      return { kind: 'guarded', process: token.process };
    // What it left in the kernel would be forgotten with it (remains.ts).
    if (token.kind === 'owner' && hasKernelRecord(directory))
      return { kind: 'remains', process: token.process };
    const mine = tokenName('reaper', thisProcess());
    try {
      renameSync(join(directory, token.file), join(directory, mine));
    } catch (error) {
      // Another one was faster: look again.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw fromSystemError(error, `Cannot clear away ${directory}`, { path: directory });
    }
    removeAll(directory, mine);
  }
}

/** Removes the preparations of launchers that died before their daemon had taken them over. */
export function clearDeadStagings(root: string): void {
  for (const entry of entries(root)) {
    const match = STAGING.exec(entry);
    if (!match?.[1] || !match[2]) continue;
    const directory = join(root, entry);
    if (isAlive({ pid: Number(match[1]), startTime: match[2] })) continue;
    const owner = findToken(directory);
    if (!owner || !isAlive(owner.process)) rmSync(directory, { recursive: true, force: true });
  }
}

/** Names of the directories that may be devices. */
export function deviceDirectories(root: string): string[] {
  return entries(root)
    .filter((entry) => Buffer.byteLength(entry) <= LONGEST_NAME)
    .sort();
}

function removeAll(directory: string, last: string): void {
  for (const entry of entries(directory)) {
    if (entry !== last) rmSync(join(directory, entry), { recursive: true, force: true });
  }
  unlinkSync(join(directory, last));
  try {
    rmdirSync(directory);
  } catch (error) {
    // Another has already taken the empty directory over, or removed it.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT')
      throw fromSystemError(error, `Cannot remove ${directory}`, { path: directory });
  }
}
