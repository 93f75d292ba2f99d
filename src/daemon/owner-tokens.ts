import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { fromSystemError } from '../errors.ts';
import type { ProcessIdentity } from '../sys/index.ts';

/** Bytes of the longest name of a mapped device (linux/dm-ioctl.h: DM_NAME_LEN counts a NUL). */
export const LONGEST_NAME = 127;

/**
 * The mark of a directory's owner, the empty file `owner.PID.START.ID` in it; or, while what a dead one left is
 * being removed, `reaper.PID.START.ID` of the one who does that.
 */
export interface Token {
  readonly file: string;
  readonly kind: 'owner' | 'reaper';
  readonly process: ProcessIdentity;
  /** Random; an owner's successor keeps it, so it stands for the directory, however that is renamed. */
  readonly id: string;
}

const TOKEN = /^(owner|reaper)\.(\d+)\.(\d+)\.([0-9a-f]+)$/;

export function tokenName(kind: Token['kind'], process: ProcessIdentity, id = randomId()): string {
  return `${kind}.${process.pid}.${process.startTime}.${id}`;
}

export function randomId(): string {
  return randomBytes(8).toString('hex');
}

export function findToken(directory: string): Token | undefined {
  for (const file of entries(directory)) {
    const [, kind, pid, startTime, id] = TOKEN.exec(file) ?? [];
    if (pid === undefined || startTime === undefined || id === undefined) continue;
    return {
      file,
      kind: kind === 'owner' ? 'owner' : 'reaper',
      process: { pid: Number(pid), startTime },
      id,
    };
  }
  return undefined;
}

/** The name of a directory that is no device's: longer than any of those. */
export function longName(name: string): string {
  return name.padEnd(LONGEST_NAME + 1, '-');
}

/** What is in a directory; nothing if there is none. */
export function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw fromSystemError(error, `Cannot read ${directory}`, { path: directory });
  }
}
