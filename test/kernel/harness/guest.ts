import { type StdioOptions, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SEARCH_PATH } from '../../suites/requires.ts';
import { cpioArchive } from './cpio.ts';

/** What both kernels are given to run, and what comes back. */
export interface KernelOptions {
  /** Directories of the host that the guest may change. Absolute. */
  readonly rwDirs?: readonly string[];
  /** Bytes for standard input. Default: empty. */
  readonly stdin?: Uint8Array | string;
  /** Milliseconds until the guest is killed. */
  readonly timeout?: number;
  /** The guest's memory in MiB; taken from the host as it is used. Default 1024. */
  readonly memory?: number;
  /** Kernel modules to load first; most load by themselves when something needs them. */
  readonly modules?: readonly string[];
  /** Environment variables besides PATH, HOME, LC_ALL, DM_DISABLE_UDEV and TSCRYPT_EXPORT. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface KernelResult {
  /** The script's exit status. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What becomes of the guest's console and of the three things that it reports. */
export type Channels = Readonly<Record<(typeof CHANNELS)[number], string>>;
const CHANNELS = ['console', 'stdout', 'stderr', 'status'] as const;

/** A way to boot. */
export interface Machine {
  readonly kernel: 'uml' | 'qemu';
  /** Where fetch put the kernel, its modules and the invariable part of the initramfs. */
  readonly directory: string;
  /** Milliseconds. */
  readonly timeout: number;
  /**
   * The command that boots the kernel and ends with it.
   *
   * @param job a directory for what it needs, gone afterwards
   * @param channels files that it appends to
   */
  command(
    job: string,
    initramfs: string,
    channels: Channels,
  ): Promise<{ words: readonly string[]; env?: Record<string, string> }>;
}

/** Boots, runs the script and gives back what it reported. */
export async function runInGuest(
  machine: Machine,
  script: string | readonly string[],
  options: KernelOptions,
): Promise<KernelResult> {
  const job = await mkdtemp(join(tmpdir(), 'kernel-'));
  try {
    const initramfs = join(job, 'initramfs');
    await writeFile(initramfs, await initramfsContent(machine, script, options));
    const channels = Object.fromEntries(CHANNELS.map((name) => [name, join(job, name)])) as Channels;
    for (const name of CHANNELS) await writeFile(channels[name], '');
    const { words, env } = await machine.command(job, initramfs, channels);
    const ended = await boot(words, { ...process.env, ...env }, channels, machine.timeout);
    return await result(channels, ended);
  } finally {
    await rm(job, { recursive: true, force: true });
  }
}

/** What the guest needs from here, behind the part that is always the same. */
async function initramfsContent(
  machine: Machine,
  script: string | readonly string[],
  options: KernelOptions,
): Promise<Buffer> {
  const version = (await readFile(join(machine.directory, 'version'), 'utf8')).trim();
  const settings = [
    `kernel=${machine.kernel}`,
    `modules_directory=${quote(join(machine.directory, 'lib/modules', version))}`,
    `modules=${quote((options.modules ?? []).join(' '))}`,
    `search_path=${quote(SEARCH_PATH.join(':'))}`,
  ];
  const env = {
    PATH: SEARCH_PATH.join(':'),
    HOME: '/root',
    LC_ALL: 'C',
    DM_DISABLE_UDEV: '1',
    // As on the host: what is about block devices of the kernel asks for them.
    ...(process.env.TSCRYPT_EXPORT && { TSCRYPT_EXPORT: process.env.TSCRYPT_EXPORT }),
    ...options.env,
  };
  const prologue = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`);
  const body = typeof script === 'string' ? script : `exec ${script.map(quote).join(' ')}`;
  const own = (name: string): Promise<Buffer> => readFile(new URL(name, import.meta.url));
  return Buffer.concat([
    await readFile(join(machine.directory, 'initramfs')),
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

/**
 * The channels' files are open in the kernel's process as descriptors 3 (console) to 6.
 *
 * @returns how the kernel ended, where it leaves no result
 */
async function boot(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  channels: Channels,
  timeout: number,
): Promise<string> {
  const seconds = timeout / 1000;
  const opened = CHANNELS.map((name) => openSync(channels[name], 'a'));
  const [console] = opened as [number, ...number[]];
  const stdio: StdioOptions = ['ignore', console, console, ...opened];
  try {
    // timeout(1) outlives us if we are killed, so no guest is left running for ever. It asks first: a kernel
    // that is killed outright leaves its helper processes behind.
    const child = spawn('timeout', ['--kill-after=5', String(seconds), ...words], { stdio, env });
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      // What timeout(1) ends with when time is up, and when asking was not enough.
      child.on('close', (status, signal) =>
        resolve(status === 124 || signal === 'SIGKILL' ? `took longer than ${seconds} s` : 'died'),
      );
    });
  } finally {
    for (const channel of opened) closeSync(channel);
  }
}

async function result(channels: Channels, ended: string): Promise<KernelResult> {
  const [stdout, stderr, reported, console] = await Promise.all(
    [channels.stdout, channels.stderr, channels.status, channels.console].map((path) =>
      readFile(path, 'utf8'),
    ),
  );
  const status = Number.parseInt(reported ?? '', 10);
  if (Number.isNaN(status)) {
    const messages = (console ?? '').split('\n').slice(-90).join('\n');
    throw new Error(`the kernel ${ended}\n${messages}\n${stderr}${stdout}`);
  }
  return { status, stdout: stdout ?? '', stderr: stderr ?? '' };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function lines(text: readonly string[]): Buffer {
  return Buffer.from(text.map((line) => `${line}\n`).join(''));
}
