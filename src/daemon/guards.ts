import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity } from '../sys/index.ts';
import { findToken, longName } from './owner-tokens.ts';

/** The supervisor's directory in the runtime directory, claimed as a device's is. */
export function supervisorDirectory(root: string): string {
  return join(root, longName('.supervisor.'));
}

/**
 * The file in the supervisor's directory that says, while the supervisor lives: what this daemon owns is not up for
 * grabs when it dies, since a successor will take it over.
 */
export function guardPath(directory: string, daemon: ProcessIdentity): string {
  return join(directory, `guard.${daemon.pid}.${daemon.startTime}`);
}

/** What is in the file: the daemon serves, is taking over, or has said that it makes way. */
export type Guard = 'serving' | 'succeeding' | 'leaving';

/**
 * Whether a supervisor sees to it that this daemon is replaced. To be asked after the daemon was seen dead: the guard
 * was there before it died, and goes when the last of what it owned has another owner or none.
 */
export function guardOf(root: string, daemon: ProcessIdentity): Guard | undefined {
  const directory = supervisorDirectory(root);
  let guard: Guard;
  try {
    guard = readFileSync(guardPath(directory, daemon), 'latin1') as Guard;
  } catch {
    return undefined;
  }
  const supervisor = findToken(directory);
  return supervisor?.kind === 'owner' && isAlive(supervisor.process) ? guard : undefined;
}
