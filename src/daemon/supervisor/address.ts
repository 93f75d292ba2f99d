import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { supervisorDirectory } from '../guards.ts';

/**
 * Hands a path of the supervisor's socket to `use` that is short enough for a socket's, as the directory's is not.
 *
 * @returns undefined when there is no such directory
 */
export async function withSupervisorSocket<T>(
  root: string,
  use: (path: string) => Promise<T>,
): Promise<T | undefined> {
  let fd: number;
  try {
    fd = openSync(supervisorDirectory(root), constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await use(join('/proc/self/fd', String(fd), 'socket'));
  } finally {
    closeSync(fd);
  }
}
