import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { fromSystemError, type TscryptError } from '../../errors.ts';
import { daemonProgram } from '../../package-layout.ts';
import { identityOf, type ProcessIdentity } from '../../sys/index.ts';
import { channelTo, earlyEnd, hasEnded, startDetached } from '../detached-process.ts';
import { encodeFrame } from '../frames.ts';
import { findToken } from '../owner-tokens.ts';
import type { SuccessionOrder } from '../registration.ts';

/** A daemon that was started in the place of another. */
export interface Successor {
  readonly process: ProcessIdentity;
  /** When it ends: with exit status 0, or with what seems to be the matter. Never rejects. */
  readonly ended: Promise<{ readonly error?: TscryptError }>;
}

/**
 * Starts the daemon's program, as it is installed now, and gives it its order.
 *
 * @param onStart called before the process knows what to do
 * @throws TscryptError when no process can be started
 */
export async function startSuccessor(
  order: SuccessionOrder,
  onStart: (process: ProcessIdentity) => void,
): Promise<Successor> {
  const log = openLog(order);
  let child: ChildProcess;
  try {
    child = await startDetached(daemonProgram(), log);
  } catch (error) {
    closeSync(log);
    throw fromSystemError(error, 'Cannot start the daemon');
  }
  const identity = identityOf(child.pid ?? 0);
  const ended = new Promise<{ readonly error?: TscryptError }>((resolve) => {
    const settle = (): void => {
      resolve(child.exitCode === 0 ? {} : { error: earlyEnd(child, log) });
      closeSync(log);
    };
    if (hasEnded(child)) settle();
    else child.once('exit', settle);
  });
  onStart(identity);
  const channel = channelTo(child);
  // One that died at once is reported by its end.
  channel.on('error', () => channel.destroy());
  for (const piece of encodeFrame(order)) channel.write(piece);
  return { process: identity, ended };
}

/** The log of the first device, in which its daemons write; without one, this process's own. */
function openLog({ root, devices }: SuccessionOrder): number {
  const first = devices.find(({ name, id }) => findToken(join(root, name))?.id === id);
  const path = first ? join(root, first.name, 'log') : '/proc/self/fd/2';
  const { O_RDWR, O_APPEND, O_CREAT } = constants;
  try {
    return openSync(path, O_RDWR | O_APPEND | O_CREAT, 0o600);
  } catch {
    return openSync('/dev/null', 'r+');
  }
}
