import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a test needs besides Node: a command on the PATH by its name, or one of these.
 * - `root`: the test runs as user 0
 * - `uml`: user-mode Linux, fetched by test/kernel/harness/fetch
 * - `build`: dist/, made by `npm run build`
 */
export type Requirement = 'root' | 'uml' | 'build' | (string & {});

/** Where commands are looked for: the caller's PATH and the directories of system administration. */
export const SEARCH_PATH = [
  ...(process.env.PATH ?? '').split(':').filter((directory) => directory !== ''),
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
];

/** Where test/kernel/harness/fetch puts the kernel. */
export const KERNEL_DIRECTORY = join(
  process.env.TSCRYPT_KERNEL_CACHE ?? '/var/cache/tscrypt-kernel',
  'user-mode-linux',
);

/** The layout of {@link KERNEL_DIRECTORY} that this harness understands; test/kernel/harness/fetch writes it. */
const KERNEL_FORMAT = '1';

/**
 * Whether everything a test needs is here. Says on standard error what is not.
 *
 *     describe.skipIf(!requires('cryptsetup', 'uml'))('…', () => { … });
 *
 * @throws Error where the environment variable CI is set: there, an absence is a failure, never a skip
 */
export function requires(...requirements: readonly Requirement[]): boolean {
  const reasons = requirements.flatMap((requirement) => absence(requirement) ?? []);
  if (reasons.length === 0) return true;
  const message = reasons.join('; ');
  if (isCi()) throw new Error(`CI skips nothing, and ${message}`);
  process.stderr.write(`skipped: ${message}\n`);
  return false;
}

/** The absolute path of a command, or undefined. */
function findCommand(name: string): string | undefined {
  return SEARCH_PATH.map((directory) => join(directory, name)).find(isExecutable);
}

function absence(requirement: Requirement): string | undefined {
  switch (requirement) {
    case 'root':
      return process.getuid?.() === 0 ? undefined : 'this needs root';
    case 'uml':
      return kernelAbsence();
    case 'build':
      return existsSync('dist/index.js') ? undefined : 'dist/ is not built (npm run build)';
    default:
      return findCommand(requirement) === undefined ? `${requirement} is not installed` : undefined;
  }
}

function kernelAbsence(): string | undefined {
  try {
    if (readFileSync(join(KERNEL_DIRECTORY, 'complete'), 'utf8').trim() === KERNEL_FORMAT) return undefined;
  } catch {
    // Absent or unreadable is all the same: fetch it.
  }
  return `user-mode Linux is not in ${KERNEL_DIRECTORY} (run test/kernel/harness/fetch as root)`;
}

function isCi(): boolean {
  const value = process.env.CI ?? '';
  return value !== '' && value !== '0' && value !== 'false';
}

function isExecutable(path: string): boolean {
  try {
    const status = statSync(path);
    return status.isFile() && (status.mode & 0o111) !== 0;
  } catch {
    return false;
  }
}
