import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a test needs besides Node: a command on the PATH by its name, or one of these.
 * - `root`: the test runs as user 0
 * - `fuse`, `loop`: the kernel's device of that name
 * - `uml`: user-mode Linux, fetched by test/kernel/harness/fetch
 * - `qemu`: QEMU, and the kernel for it that test/kernel/harness/fetch fetches
 * - `build`: dist/, made by `npm run build`
 */
export type Requirement = 'root' | 'fuse' | 'loop' | 'uml' | 'qemu' | 'build' | (string & {});

/** Where commands are looked for: the caller's PATH and the directories of system administration. */
export const SEARCH_PATH = [
  ...(process.env.PATH ?? '').split(':').filter((directory) => directory !== ''),
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
];

const KERNEL_CACHE = process.env.TSCRYPT_KERNEL_CACHE ?? '/var/cache/tscrypt-kernel';

/** Where test/kernel/harness/fetch puts user-mode Linux. */
export const KERNEL_DIRECTORY = join(KERNEL_CACHE, 'user-mode-linux');

/** Where it puts the kernel for virtual machines. */
export const DEBIAN_KERNEL_DIRECTORY = join(KERNEL_CACHE, 'debian-linux');

/** The layout of these directories that the harness understands; test/kernel/harness/fetch writes it. */
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
    case 'fuse':
      return existsSync('/dev/fuse') ? undefined : 'there is no /dev/fuse (modprobe fuse)';
    case 'loop':
      return existsSync('/dev/loop-control') ? undefined : 'there is no /dev/loop-control (modprobe loop)';
    case 'uml':
      return kernelAbsence('user-mode Linux', KERNEL_DIRECTORY);
    case 'qemu':
      return absence('qemu-system-x86_64') ?? kernelAbsence("Debian's kernel", DEBIAN_KERNEL_DIRECTORY);
    case 'build':
      return existsSync('dist/index.js') ? undefined : 'dist/ is not built (npm run build)';
    default:
      return findCommand(requirement) === undefined ? `${requirement} is not installed` : undefined;
  }
}

function kernelAbsence(name: string, directory: string): string | undefined {
  try {
    if (readFileSync(join(directory, 'complete'), 'utf8').trim() === KERNEL_FORMAT) return undefined;
  } catch {
    // Absent or unreadable is all the same: fetch it.
  }
  return `${name} is not in ${directory} (run test/kernel/harness/fetch as root)`;
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
