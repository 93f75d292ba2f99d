import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { checkName } from '../dm/names.ts';
import { fromSystemError, TscryptError } from '../errors.ts';
import { daemonProgram } from '../package-layout.ts';
import { clearDeadStagings, createStaging } from './claim.ts';
import { NOT_LISTENING } from './control-client.ts';
import { decodeError } from './error-transfer.ts';
import { encodeHandover } from './handover.ts';
import { parseLine, readLines } from './lines.ts';
import { findHost } from './placement.ts';
import type { ActivationRequest, DeviceInfo } from './request.ts';
import { checkSocketPaths, devicePaths, ensureRuntimeDirectory } from './runtime-directory.ts';
import { askWithSecrets } from './secrets-client.ts';

export interface ActivateDeviceOptions {
  /** Gives up and ends the half-started daemon. */
  readonly signal?: AbortSignal;
}

const LAUNCHER = 3;
const LOG_TAIL = 4096;
const END_GRACE_MS = 5000;

/**
 * All that a daemon gets of its launcher's environment: what Node itself may need to start, and how the FFI
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
 * Maps and serves a device, in the daemon where it belongs (placement.ts) or in one that is started for it, and
 * returns when the device is usable. If this process ends before, so does a daemon that it started.
 *
 * @throws TscryptError DEVICE_EXISTS if the name is taken, DEVICE_BUSY if a backing device is in use,
 *   ABORTED by the signal, and whatever building the table or opening its devices failed with
 */
export async function activateDevice(
  request: ActivationRequest,
  options: ActivateDeviceOptions = {},
): Promise<DeviceInfo> {
  checkName(request.name);
  if (options.signal?.aborted) throw aborted();
  const root = ensureRuntimeDirectory();
  checkSocketPaths(devicePaths(root, request.name));
  clearDeadStagings(root);
  return (await join(root, request)) ?? (await launch(root, request, options));
}

/** @returns undefined when there is no daemon for the device to join, or it went away before it knew of it */
async function join(root: string, request: ActivationRequest): Promise<DeviceInfo | undefined> {
  const host = findHost(root, request);
  if (!host) return undefined;
  const staging = createStaging(root);
  try {
    const order = { request, staging, workingDirectory: process.cwd() };
    const answer = await askWithSecrets(devicePaths(root, host).secretsSocket, 'create', order);
    return answer === NOT_LISTENING ? undefined : (answer as DeviceInfo);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function launch(
  root: string,
  request: ActivationRequest,
  options: ActivateDeviceOptions,
): Promise<DeviceInfo> {
  const staging = createStaging(root);
  let log: number | undefined;
  try {
    log = openSync(`${staging}/log`, 'ax+', 0o600);
    const handover = encodeHandover({ request, root, staging, workingDirectory: process.cwd() });
    const daemon = await spawnDaemon(log);
    return await start(daemon, handover, log, options.signal);
  } catch (error) {
    throw fromSystemError(error, 'Cannot start the daemon');
  } finally {
    if (log !== undefined) closeSync(log);
    // The daemon has moved it to its place; what is left here is a failed start.
    rmSync(staging, { recursive: true, force: true });
  }
}

async function spawnDaemon(log: number): Promise<ChildProcess> {
  const environment = ENVIRONMENT.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const daemon = spawn(process.execPath, [daemonProgram()], {
    cwd: '/',
    env: Object.fromEntries(environment) as Record<string, string>,
    detached: true,
    stdio: ['ignore', 'ignore', log, 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    daemon.once('spawn', resolve);
    daemon.once('error', reject);
  });
  return daemon;
}

async function start(
  daemon: ChildProcess,
  handover: readonly Uint8Array[],
  log: number,
  signal: AbortSignal | undefined,
): Promise<DeviceInfo> {
  const channel = daemon.stdio[LAUNCHER] as Socket;
  const giveUp = (): void => {
    channel.destroy(aborted());
  };
  signal?.addEventListener('abort', giveUp);
  try {
    const info = await converse(channel, handover, daemon, log);
    daemon.unref();
    return info;
  } catch (error) {
    await end(daemon);
    throw error;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

/** Sends the request, waits for the answer, confirms it. */
function converse(
  channel: Socket,
  handover: readonly Uint8Array[],
  daemon: ChildProcess,
  log: number,
): Promise<DeviceInfo> {
  return new Promise((resolve, reject) => {
    let answered = false;
    const lost = (): void => {
      if (answered) return;
      answered = true;
      // Its exit is reported a little after its end of the channel has closed.
      if (daemon.exitCode !== null || daemon.signalCode !== null) reject(died(daemon, log));
      else daemon.once('exit', () => reject(died(daemon, log)));
    };
    channel.on('error', (error) => {
      if (error instanceof TscryptError) reject(error);
      else lost();
    });
    channel.on('close', lost);
    readLines(
      channel,
      (line) => {
        answered = true;
        try {
          const answer = parseLine(line);
          if (answer.ready === undefined) return reject(decodeError(answer.error));
          // Once the byte is on its way, the daemon lives on by itself.
          channel.write('\n', () => {
            resolve(answer.ready as DeviceInfo);
            channel.destroy();
          });
        } catch (error) {
          reject(error);
        }
      },
      () => reject(new TscryptError('PROTOCOL_ERROR', 'The daemon answered too much.')),
    );
    for (const piece of handover) channel.write(piece);
  });
}

/** Makes sure that a daemon which did not come up is gone. */
async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  (daemon.stdio[LAUNCHER] as Socket).destroy();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => daemon.kill('SIGKILL'), END_GRACE_MS);
    daemon.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function died(daemon: ChildProcess, log: number): TscryptError {
  const how = daemon.signalCode ? `killed by ${daemon.signalCode}` : `exit status ${daemon.exitCode}`;
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

function aborted(): TscryptError {
  return new TscryptError('ABORTED', 'Operation aborted.');
}
