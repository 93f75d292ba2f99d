import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInKernel } from '../harness/harness.ts';
import type { Answers } from './answers.ts';
import { type Case, DISK_SECTORS, DISKS } from './case.ts';

/** Milliseconds that all cases may take in the guest. */
const TIMEOUT = 300_000;

/**
 * Takes every step of all cases in one boot of Linux.
 *
 * @returns what each case answered, in the order of the cases
 * @throws Error when the kernel, or what runs in it, does not survive a case; it says which
 */
export async function runInLinux(cases: readonly Case[]): Promise<Answers[]> {
  const directory = await mkdtemp(join(tmpdir(), 'differential-'));
  try {
    const job = { cases, disks: DISKS, sectors: DISK_SECTORS };
    await writeFile(join(directory, 'cases.json'), JSON.stringify(job));
    const runner = fileURLToPath(new URL('runner.py', import.meta.url));
    const running = (): Promise<string> =>
      readFile(join(directory, 'running'), 'utf8').catch(() => 'no case');
    try {
      const ended = await runInKernel(['python3', runner, directory], {
        rwDirs: [directory],
        timeout: TIMEOUT,
      });
      if (ended.status !== 0) throw new Error(`status ${ended.status}: ${ended.stderr}`);
    } catch (error) {
      throw new Error(`the kernel's side ended in "${await running()}"`, { cause: error });
    }
    return JSON.parse(await readFile(join(directory, 'answers.json'), 'utf8'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
