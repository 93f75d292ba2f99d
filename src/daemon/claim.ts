import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError, TscryptError } from '../errors.ts';
import { isAlive, type ProcessIdentity, thisProcess } from '../sys/index.ts';

/**
 * Who owns a name. The directory NAME holds one file called `owner.PID.START.RANDOM`: the daemon. Every
 * step is one rename, which the kernel does for exactly one of several contenders:
 *
 * - taking a free name: a directory prepared elsewhere, owner file inside, is renamed to NAME, which fails
 *   while NAME exists and holds anything;
 * - clearing away a dead daemon's directory: its owner file is renamed to `reaper.…` of the one who clears,
 *   which fails for all but the first; the reaper file goes last, so a reaper that dies is itself cleared away.
 *
 * No step needs file locks, so it works without foreign functions.
 */
export type Holder =
  | { readonly kind: 'none' | 'foreign' }
  | { readonly kind: 'owner' | 'reaper'; readonly process: ProcessIdentity };

const TOKEN = /^(owner|reaper)\.(\d+)\.(\d+)\.[0-9a-f]+$/;
const STAGING = /^\.starting\.(\d+)\.(\d+)\.[0-9a-f]+-+$/;
/** Bytes of the longest name of a mapped device (linux/dm-ioctl.h: DM_NAME_LEN counts a NUL). */
export const LONGEST_NAME = 127;
const PAUSE_MS = 10;
const ATTEMPTS = 300;

interface Token {
  readonly file: string;
  readonly kind: 'owner' | 'reaper';
  readonly process: ProcessIdentity;
}

function tokenOf(process: ProcessIdentity): string {
  return `${process.pid}.${process.startTime}.${randomBytes(8).toString('hex')}`;
}

/**
 * A new directory next to the devices' in which one is prepared. Its name is longer than any device's, so it
 * can never be taken for one.
 */
export function createStaging(root: string): string {
  const path = join(root, `.starting.${tokenOf(thisProcess())}`.padEnd(LONGEST_NAME + 1, '-'));
  mkdirSync(path, { mode: 0o700 });
  return path;
}

/**
 * Makes this process the owner of `directory`, to which `staging` is renamed. What a dead owner left
 * there is removed.
 *
 * @throws TscryptError DEVICE_EXISTS when a living process owns it
 */
export async function claimDirectory(staging: string, directory: string, name: string): Promise<void> {
  const owner = join(staging, `owner.${tokenOf(thisProcess())}`);
  writeFileSync(owner, '', { mode: 0o600, flag: 'wx' });
  try {
    await moveTo(staging, directory, name);
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
    if (holder.kind === 'owner') break;
    if (holder.kind === 'foreign') throw foreign(to, name);
    if (holder.kind === 'reaper') await sleep(PAUSE_MS);
  }
  throw new TscryptError('DEVICE_EXISTS', `Device ${name} already exists.`, {
    errno: 'EBUSY',
    details: { name },
  });
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
    const mine = `reaper.${tokenOf(thisProcess())}`;
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

function findToken(directory: string): Token | undefined {
  for (const file of entries(directory)) {
    const match = TOKEN.exec(file);
    if (!match?.[2] || !match[3]) continue;
    const kind = match[1] === 'owner' ? 'owner' : 'reaper';
    return { file, kind, process: { pid: Number(match[2]), startTime: match[3] } };
  }
  return undefined;
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

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw fromSystemError(error, `Cannot read ${directory}`, { path: directory });
  }
}
