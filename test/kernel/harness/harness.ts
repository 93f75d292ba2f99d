import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KERNEL_DIRECTORY, SEARCH_PATH } from '../../suites/requires.ts';
import { cpioArchive } from './cpio.ts';

/**
 * Runs commands under a real Linux kernel: user-mode Linux, booted on this machine's own files, as root
 * there. A boot takes about two seconds, so a test does as many steps as it can in one.
 *
 * The guest sees all files of the host. What it writes goes to memory and is dropped at the end, except
 * in `rwDirs`. /dev, /proc, /sys, /run and /dev/shm are its own, so devices, mounts and sockets never
 * reach the host. Host files have no O_DIRECT in there; no udev runs, so libdevmapper makes the nodes in
 * /dev/mapper itself; there is one processor and no network but the loopback interface.
 */
export interface KernelOptions {
  /** Directories of the host that the guest may change. Absolute. */
  readonly rwDirs?: readonly string[];
  /** Bytes for standard input. Default: empty. */
  readonly stdin?: Uint8Array | string;
  /** Milliseconds until the guest is killed. Default two minutes. */
  readonly timeout?: number;
  /** The guest's memory in MiB; taken from the host as it is used. Default 1024. */
  readonly memory?: number;
  /** Kernel modules to load first; most load by themselves when something needs them. */
  readonly modules?: readonly string[];
  /** Environment variables besides PATH, HOME, LC_ALL and DM_DISABLE_UDEV. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface KernelResult {
  /** The script's exit status. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * @param script a bash script, or a command as a list of words
 * @throws Error when the kernel does not start, dies, or takes too long; its last messages are shown
 */
export async function runInKernel(
  script: string | readonly string[],
  options: KernelOptions = {},
): Promise<KernelResult> {
  const job = await mkdtemp(join(tmpdir(), 'kernel-'));
  try {
    await writeFile(join(job, 'initramfs'), await initramfs(script, options));
    const ended = await boot(job, options);
    return await result(job, ended);
  } finally {
    await rm(job, { recursive: true, force: true });
  }
}

/** What the guest needs from here, behind the part that is always the same. */
async function initramfs(script: string | readonly string[], options: KernelOptions): Promise<Buffer> {
  const version = (await readFile(join(KERNEL_DIRECTORY, 'version'), 'utf8')).trim();
  const settings = [
    `modules_directory=${quote(join(KERNEL_DIRECTORY, 'lib/modules', version))}`,
    `modules=${quote((options.modules ?? []).join(' '))}`,
    `search_path=${quote(SEARCH_PATH.join(':'))}`,
  ];
  const env = {
    PATH: SEARCH_PATH.join(':'),
    HOME: '/root',
    LC_ALL: 'C',
    DM_DISABLE_UDEV: '1',
    ...options.env,
  };
  const prologue = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`);
  const body = typeof script === 'string' ? script : `exec ${script.map(quote).join(' ')}`;
  const own = (name: string): Promise<Buffer> => readFile(new URL(name, import.meta.url));
  return Buffer.concat([
    await readFile(join(KERNEL_DIRECTORY, 'initramfs')),
    cpioArchive([
      { name: 'init', content: await own('init'), mode: 0o755 },
      { name: 'guest', content: await own('guest') },
      { name: 'job' },
      { name: 'job/settings', content: lines(settings) },
      { name: 'job/writable', content: lines(options.rwDirs ?? []) },
      { name: 'job/script', content: lines([...prologue, body]) },
      { name: 'job/stdin', content: Buffer.from(options.stdin ?? '') },
    ]),
  ]);
}

/** File descriptors of the kernel's consoles: its messages, and what tty1, tty2 and tty3 take. */
const CHANNELS = ['console', 'stdout', 'stderr', 'status'] as const;

/** @returns how the kernel ended, where it leaves no result */
async function boot(job: string, options: KernelOptions): Promise<string> {
  const memory = options.memory ?? 1024;
  const seconds = (options.timeout ?? 120_000) / 1000;
  const late = `took longer than ${seconds} s`;
  const channels = CHANNELS.map((name) => openSync(join(job, name), 'a'));
  const [console] = channels as [number, ...number[]];
  try {
    // timeout(1) outlives us if we are killed, so no guest is left running for ever. It asks first: a kernel
    // that is killed outright leaves its helper processes behind.
    const child = spawn(
      'timeout',
      [
        ...['--kill-after=5', String(seconds), join(KERNEL_DIRECTORY, 'linux')],
        ...[`mem=${memory}M`, `initrd=${join(job, 'initramfs')}`, `uml_dir=${job}`, 'umid=guest'],
        ...['quiet', 'loglevel=4', 'panic=-1'],
        ...['con=null', ...CHANNELS.map((_, tty) => `con${tty}=null,fd:${tty + 3}`)],
      ],
      {
        stdio: ['ignore', console, console, ...channels],
        env: { ...process.env, TMPDIR: await memoryDirectory(memory, job) },
      },
    );
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      // What timeout(1) ends with when time is up, and when asking was not enough.
      child.on('close', (status, signal) => resolve(status === 124 || signal === 'SIGKILL' ? late : 'died'));
    });
  } finally {
    for (const channel of channels) closeSync(channel);
  }
}

async function result(job: string, ended: string): Promise<KernelResult> {
  const read = (name: (typeof CHANNELS)[number]): Promise<string> => readFile(join(job, name), 'utf8');
  const [stdout, stderr] = await Promise.all([read('stdout'), read('stderr')]);
  const status = Number.parseInt(await read('status'), 10);
  if (Number.isNaN(status)) {
    const messages = (await read('console')).split('\n').slice(-30).join('\n');
    throw new Error(`the kernel ${ended}\n${messages}\n${stderr}${stdout}`);
  }
  return { status, stdout, stderr };
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

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function lines(text: readonly string[]): Buffer {
  return Buffer.from(text.map((line) => `${line}\n`).join(''));
}
