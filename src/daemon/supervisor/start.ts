import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TscryptError } from '../../errors.ts';
import { supervisorProgram } from '../../package-layout.ts';
import { createStaging } from '../claim.ts';
import { channelTo, earlyEnd, hasEnded, startDetached } from '../detached-process.ts';
import { decodeError } from '../error-transfer.ts';
import { encodeFrame } from '../frames.ts';
import { parseLine, readLines } from '../lines.ts';
import { withSupervisorSocket } from './address.ts';

/** What a supervisor is told when it is started. */
export interface SupervisorOrder {
  readonly root: string;
  /** The prepared directory that becomes its own. */
  readonly staging: string;
}

const ATTEMPTS = 20;
const PAUSE_MS = 25;

/** @returns a connection to the supervisor of the runtime directory, not read from; undefined if there is none */
export async function connectToSupervisor(root: string): Promise<Socket | undefined> {
  return await withSupervisorSocket(root, connectPaused);
}

/**
 * The same; starts a supervisor if there is none. Of several that are started at the same time one stays.
 *
 * @throws TscryptError why it cannot be started
 */
export async function findOrStartSupervisor(root: string): Promise<Socket> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const socket = await connectToSupervisor(root);
    if (socket) return socket;
    if (await start(root)) continue;
    // Another one is starting, or the last one is about to go.
    await sleep(PAUSE_MS);
  }
  throw new TscryptError('INTERNAL', 'The supervisor cannot be reached.', { details: { root } });
}

/** @returns false when there is another one */
async function start(root: string): Promise<boolean> {
  const staging = createStaging(root);
  const log = openSync(`${staging}/log`, 'ax+', 0o600);
  try {
    const child = await startDetached(supervisorProgram(), log);
    child.unref();
    const order: SupervisorOrder = { root, staging };
    const answer = parseLine(await answerOf(child, log, order));
    if (answer.error === undefined) return true;
    const error = decodeError(answer.error);
    if (error.code === 'DEVICE_EXISTS') return false;
    throw error;
  } finally {
    closeSync(log);
    rmSync(staging, { recursive: true, force: true });
  }
}

/** The line that it says when it is ready, or cannot be. */
async function answerOf(child: ChildProcess, log: number, order: SupervisorOrder): Promise<string> {
  const channel = channelTo(child);
  let answered = false;
  try {
    return await new Promise<string>((resolve, reject) => {
      // Its end is of interest for as long as it is waited for, and so is its log.
      const ended = (): void => {
        if (!answered) reject(earlyEnd(child, log));
      };
      channel.on('error', () => channel.destroy());
      channel.once('close', () => {
        if (hasEnded(child)) ended();
        else child.once('exit', ended);
      });
      readLines(channel, resolve, () => channel.destroy());
      for (const piece of encodeFrame(order)) channel.write(piece);
    });
  } finally {
    answered = true;
    channel.destroy();
  }
}

function connectPaused(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = new Socket();
    // Nothing of what comes is to pass through Node's buffers.
    socket.pause();
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
    socket.connect(path, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
