import { type ChildProcess, spawn } from 'node:child_process';
import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { TscryptError } from '../errors.ts';

/** The descriptor under which a process that is started here finds its starter's socket. */
export const STARTER = 3;

const LOG_TAIL = 4096;
const END_GRACE_MS = 5000;

/**
 * All that such a process gets of its starter's environment: what Node itself may need to start, and how the FFI
 * is to be used. Not NODE_OPTIONS, which can open inspectors and write reports.
 */
const ENVIRONMENT = [
  'LD_LIBRARY_PATH',
  'OPENSSL_CONF',
  'OPENSSL_MODULES',
  'TZ',
  'UV_THREADPOOL_SIZE',
  'TSCRYPT_NO_FFI',
];

/**
 * Starts a program of this package that outlives this process and its terminal.
 *
 * @param log where its standard error goes
 */
export async function startDetached(program: string, log: number): Promise<ChildProcess> {
  const environment = ENVIRONMENT.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const child = spawn(process.execPath, [program], {
    cwd: '/',
    env: Object.fromEntries(environment) as Record<string, string>,
    detached: true,
    stdio: ['ignore', 'ignore', log, 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return child;
}

/** This end of the socket pair whose other one is the child's descriptor {@link STARTER}. */
export function channelTo(child: ChildProcess): Socket {
  return child.stdio[STARTER] as Socket;
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Makes sure that a process which did not come up is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  channelTo(child).destroy();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), END_GRACE_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * Why a process that has ended did not come up.
 *
 * @param log its log, readable
 */
export function earlyEnd(child: ChildProcess, log: number): TscryptError {
  const how = child.signalCode ? `killed by ${child.signalCode}` : `exit status ${child.exitCode}`;
  const said = lastLine(log);
  return new TscryptError(
    'INTERNAL',
    `The daemon ended before the device was ready (${how})${said ? `: ${said}` : '.'}`,
  );
}

function lastLine(log: number): string {
  const tail = Buffer.alloc(LOG_TAIL);
  const lines: string[] = [];
  for (let at = 0; ; at += LOG_TAIL) {
    const count = readSync(log, tail, 0, LOG_TAIL, at);
    lines.push(...tail.toString('utf8', 0, count).split('\n'));
    if (count < LOG_TAIL) break;
  }
  // An error that Node reports itself is followed by its stack and Node's version.
  const said = lines.filter((line) => line.trim() !== '');
  return said.findLast((line) => /^(\S+ )?\w*Error\b.*: /.test(line)) ?? said.at(-1) ?? '';
}
