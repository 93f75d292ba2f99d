import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { isAlive } from '../../src/sys/index.ts';
import { SEARCH_PATH } from './requires.ts';

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface RunOptions {
  /** Bytes for standard input, which is then closed. Default: empty. */
  readonly stdin?: Uint8Array | string;
  /** Milliseconds until the child is killed and the run fails. Default one minute. */
  readonly timeout?: number;
  /** Added to this process's own environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

export interface RunResult {
  /** Exit status; 128 + signal number is never used: a child killed by a signal fails the run. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it came. */
  readonly bytes: Buffer;
}

/**
 * Runs a command to its end.
 *
 * @throws Error when it cannot be started, is killed by a signal or takes too long
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, PATH: SEARCH_PATH.join(':'), LC_ALL: 'C', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  // A command that does not read its input to the end is no failure.
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');

  const limit = options.timeout ?? 60_000;
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    child.kill('SIGKILL');
    // A grandchild that kept the pipes open must not keep the test waiting too.
    child.stdout.destroy();
    child.stderr.destroy();
  }, limit);
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...ending) => resolve(ending));
  }).finally(() => clearTimeout(timer));

  const bytes = Buffer.concat(output);
  const stderr = Buffer.concat(errors).toString();
  if (expired) throw new Error(`${said(command, args)} took longer than ${limit} ms\n${stderr}`);
  if (status === null) throw new Error(`${said(command, args)} was killed by ${signal}\n${stderr}`);
  return { status, stdout: bytes.toString(), stderr, bytes };
}

/** {@link run}, where anything but exit status 0 is an error that shows what the command said. */
export async function check(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await run(command, args, options);
  if (result.status !== 0) {
    throw new Error(
      `${said(command, args)} ended with status ${result.status}\n${result.stderr}${result.stdout}`,
    );
  }
  return result;
}

/** Stock cryptsetup. Its lock directory is root's alone, so other users go without locks. */
export function cryptsetup(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const locks = process.getuid?.() === 0 ? [] : ['--disable-locks'];
  return run('cryptsetup', [...args, ...locks], options);
}

/** One of this package's programs, as installed: `program('tscrypt', ['luksUUID', image])`. */
export function program(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(process.execPath, [join(ROOT, 'bin', `${name}.js`), ...args], options);
}

/** A directory of a test file's own, for images, key files and the daemons it starts. */
export interface Workspace {
  /** Absolute; short enough for socket paths below it. */
  readonly path: string;
  file(name: string): string;
  /** For {@link RunOptions.env}: keeps this file's daemons apart from all others. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Makes a workspace before the tests of the enclosing `describe` (or file) and removes it after them,
 * with every device that is still open in it. Use its members inside tests and hooks only.
 */
export function workspace(): Workspace {
  let path: string | undefined;
  const made = (): string => {
    if (path === undefined) throw new Error('a workspace exists only while its tests run');
    return path;
  };
  beforeAll(() => {
    path = realpathSync(mkdtempSync(join(tmpdir(), 'tsc-')));
  });
  afterAll(() => {
    endDaemons(join(made(), 'run'));
    rmSync(made(), { recursive: true, force: true });
  });
  return {
    get path() {
      return made();
    },
    file: (name) => join(made(), name),
    get env() {
      return { TSCRYPT_RUNTIME_DIR: join(made(), 'run') };
    },
  };
}

/** Ends what a failed test left behind: the daemons that own a device in this runtime directory. */
function endDaemons(runtimeDirectory: string): void {
  if (!existsSync(runtimeDirectory)) return;
  for (const path of readdirSync(runtimeDirectory, { recursive: true, encoding: 'utf8' })) {
    const [, pid, startTime] = /\/owner\.(\d+)\.(\d+)\.[^/]*$/.exec(path) ?? [];
    if (pid === undefined || startTime === undefined) continue;
    const daemon = { pid: Number(pid), startTime };
    if (isAlive(daemon)) process.kill(daemon.pid, 'SIGKILL');
  }
}

function said(command: string, args: readonly string[]): string {
  return [command, ...args].join(' ');
}
