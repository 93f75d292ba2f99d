import { writeSync } from 'node:fs';
import { TscryptError } from '../errors.ts';
import { closeInheritedDescriptors } from '../sys/index.ts';
import { STARTER } from './detached-process.ts';

const LOG = 2;

/** What programs that run in the background do first: nothing of their starter's but its socket stays with them. */
export function beginProgram(): void {
  process.umask(0o077);
  closeInheritedDescriptors(STARTER);
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  // The terminal it was started from is none of its business.
  process.on('SIGHUP', () => {});
}

/** A defect: whatever is in memory is not to be trusted any more, so nothing is written but this. */
function crash(error: unknown): never {
  log(error);
  process.exit(70);
}

/** Errors name devices, offsets and codes; never content, and never a key. */
export function log(error: unknown): void {
  const text =
    error instanceof TscryptError
      ? `${error.code} ${error.message}`
      : error instanceof Error
        ? (error.stack ?? error.message)
        : 'unknown error';
  try {
    writeSync(LOG, `${new Date().toISOString()} ${text}\n`);
  } catch {
    // A full disk must not keep the program from its work.
  }
}
