import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { checkName } from '../dm/names.ts';
import { fromSystemError, TscryptError } from '../errors.ts';
import { daemonProgram } from '../package-layout.ts';
import { clearDeadStagings, createStaging } from './claim.ts';
import { NOT_LISTENING } from './control-client.ts';
import { channelTo, earlyEnd, endProcess, hasEnded, startDetached } from './detached-process.ts';
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
    const daemon = await startDetached(daemonProgram(), log);
    return await start(daemon, handover, log, options.signal);
  } catch (error) {
    throw fromSystemError(error, 'Cannot start the daemon');
  } finally {
    if (log !== undefined) closeSync(log);
    // The daemon has moved it to its place; what is left here is a failed start.
    rmSync(staging, { recursive: true, force: true });
  }
}

async function start(
  daemon: ChildProcess,
  handover: readonly Uint8Array[],
  log: number,
  signal: AbortSignal | undefined,
): Promise<DeviceInfo> {
  const channel = channelTo(daemon);
  const giveUp = (): void => {
    channel.destroy(aborted());
  };
  signal?.addEventListener('abort', giveUp);
  try {
    const info = await converse(handover, daemon, log);
    daemon.unref();
    return info;
  } catch (error) {
    await endProcess(daemon);
    throw error;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

/** Sends the request, waits for the answer, confirms it. */
function converse(handover: readonly Uint8Array[], daemon: ChildProcess, log: number): Promise<DeviceInfo> {
  const channel = channelTo(daemon);
  return new Promise((resolve, reject) => {
    let answered = false;
    const lost = (): void => {
      if (answered) return;
      answered = true;
      // Its exit is reported a little after its end of the channel has closed.
      if (hasEnded(daemon)) reject(earlyEnd(daemon, log));
      else daemon.once('exit', () => reject(earlyEnd(daemon, log)));
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

function aborted(): TscryptError {
  return new TscryptError('ABORTED', 'Operation aborted.');
}
