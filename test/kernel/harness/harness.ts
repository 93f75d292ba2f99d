import { readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { KERNEL_DIRECTORY } from '../../suites/requires.ts';
import { type KernelOptions, type KernelResult, runInGuest } from './guest.ts';

export type { KernelOptions, KernelResult } from './guest.ts';

/**
 * Runs commands under a real Linux kernel: user-mode Linux, booted on this machine's own files, as root
 * there. A boot takes about two seconds, so a test does as many steps as it can in one.
 *
 * The guest sees all files of the host. What it writes goes to memory and is dropped at the end, except
 * in `rwDirs`. /dev, /proc, /sys, /run and /dev/shm are its own, so devices, mounts and sockets never
 * reach the host. Host files have no O_DIRECT in there; no udev runs, so libdevmapper makes the nodes in
 * /dev/mapper itself; there is one processor and no network but the loopback interface.
 *
 * @param script a bash script, or a command as a list of words
 * @param options the timeout is two minutes by default
 * @throws Error when the kernel does not start, dies, or takes too long; its last messages are shown
 */
export async function runInKernel(
  script: string | readonly string[],
  options: KernelOptions = {},
): Promise<KernelResult> {
  const memory = options.memory ?? 1024;
  return await runInGuest(
    {
      kernel: 'uml',
      directory: KERNEL_DIRECTORY,
      timeout: options.timeout ?? 120_000,
      command: async (job, initramfs) => ({
        words: [
          join(KERNEL_DIRECTORY, 'linux'),
          ...[`mem=${memory}M`, `initrd=${initramfs}`, `uml_dir=${job}`, 'umid=guest'],
          ...['quiet', 'loglevel=4', 'panic=-1'],
          // The console, and tty1 to tty3.
          ...['con=null', ...[0, 1, 2, 3].map((tty) => `con${tty}=null,fd:${tty + 3}`)],
        ],
        env: { TMPDIR: await memoryDirectory(memory, job) },
      }),
    },
    script,
    options,
  );
}

/** The guest's memory is a file: in RAM, unless that is too small or forbids to execute what is in it. */
async function memoryDirectory(megabytes: number, fallback: string): Promise<string> {
  const shm = '/dev/shm';
  try {
    const mounts = await readFile('/proc/mounts', 'utf8');
    const [, , , flags] =
      mounts
        .split('\n')
        .findLast((line) => line.split(' ')[1] === shm)
        ?.split(' ') ?? [];
    const { bavail, bsize } = await statfs(shm);
    const usable = flags !== undefined && !flags.split(',').includes('noexec');
    return usable && bavail * bsize > megabytes * 1024 * 1024 ? shm : fallback;
  } catch {
    return fallback;
  }
}
