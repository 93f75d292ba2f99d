import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkName } from '../dm/names.ts';
import { TscryptError } from '../errors.ts';
import { isAlive, type ProcessIdentity } from '../sys/index.ts';
import { clearIfDead, deviceDirectories, holderOf } from './claim.ts';
import { ask, NOT_LISTENING } from './control-client.ts';
import { guardOf } from './guards.ts';
import { findToken } from './owner-tokens.ts';
import type { DeviceInfo } from './request.ts';
import { type DevicePaths, devicePaths, existingRuntimeDirectory } from './runtime-directory.ts';
import { askWithSecrets } from './secrets-client.ts';

const STATUS_TIMEOUT_MS = 10_000;
const LONGEST_PAUSE_MS = 50;
/** How long a daemon may be neither listening nor gone: it is starting, closing for somebody else, or replaced. */
const TRANSITION_MS = 30_000;
/** How long a process that ends may take to disappear once its connections are closed. */
const ENDING_MS = 2_000;

/** A device's directory and whose it was when it was looked at. */
export interface Found {
  readonly paths: DevicePaths;
  readonly daemon: ProcessIdentity;
  /** Of the directory: the same for the daemons that serve the device one after the other. */
  readonly id: string;
}

/** The device, also while its daemon is being replaced; what a dead daemon left behind is cleared away. */
export function find(root: string, name: string): Found | undefined {
  const paths = devicePaths(root, name);
  const holder = clearIfDead(paths.directory);
  if (holder.kind !== 'owner' && holder.kind !== 'guarded') return undefined;
  const id = findToken(paths.directory)?.id;
  return id === undefined ? undefined : { paths, daemon: holder.process, id };
}

/** @throws TscryptError NO_SUCH_DEVICE */
export function findOrThrow(name: string): Found {
  checkName(name);
  const root = existingRuntimeDirectory();
  const found = root === undefined ? undefined : find(root, name);
  if (!found) throw notActive(name);
  return found;
}

/** What its daemon says of it; undefined when there is none that does, since it is starting, closing or gone. */
export async function status(found: Found): Promise<DeviceInfo | undefined> {
  for (const waiting = pauses(TRANSITION_MS); ; ) {
    const daemon = holderOf(found.paths.directory) ?? found.daemon;
    try {
      const answer = await ask(found.paths.controlSocket, 'status', {}, STATUS_TIMEOUT_MS);
      if (answer !== NOT_LISTENING) return answer as DeviceInfo;
    } catch (error) {
      // A connection that breaks is the first sign of an end; the process is still there for a moment.
      if (isLost(error)) await ended(daemon, ENDING_MS);
      if (isAlive(daemon)) throw error;
    }
    const pause = isBeingReplaced(found) ? waiting.next() : undefined;
    if (pause?.done === false) {
      await sleep(pause.value);
      continue;
    }
    // It ended while it was asked, perhaps without clearing up.
    clearIfDead(found.paths.directory);
    return undefined;
  }
}

/** The answer of the device's daemon, or of its successor, which is waited for. */
export async function asked(
  found: Found,
  name: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  withSecrets = false,
): Promise<unknown> {
  const { controlSocket, secretsSocket } = found.paths;
  for (const waiting = pauses(TRANSITION_MS); ; ) {
    const answer = withSecrets
      ? await askWithSecrets(secretsSocket, method, params)
      : await ask(controlSocket, method, params);
    if (answer !== NOT_LISTENING) return answer;
    if (!isHeld(found)) throw notActive(name);
    const pause = waiting.next();
    if (pause.done)
      throw new TscryptError('DEVICE_BUSY', `Device ${name} is starting or closing.`, { details: { name } });
    await sleep(pause.value);
  }
}

/** Waits until the device is nobody's any more, and its daemon is gone if it was its last. */
export async function gone(found: Found): Promise<void> {
  for (const pause of pauses(Number.POSITIVE_INFINITY)) {
    if (!isHeld(found)) break;
    await sleep(pause);
  }
  // Usually it has done so itself; if it was killed on its last steps, this does.
  clearIfDead(found.paths.directory);
  if (!servesOthers(found)) await ended(found.daemon, ENDING_MS);
}

/** Whether the device is still there, with its daemon or in wait of a successor. */
export function isHeld({ paths: { directory }, id }: Found): boolean {
  const token = findToken(directory);
  if (token?.kind !== 'owner' || token.id !== id) return false;
  return isAlive(token.process) || guardOf(dirname(directory), token.process) !== undefined;
}

/** A successor of the daemon that the device had does not listen yet, or is not even started. */
function isBeingReplaced(found: Found): boolean {
  const daemon = holderOf(found.paths.directory);
  if (!daemon || !isHeld(found)) return false;
  const guard = guardOf(dirname(found.paths.directory), daemon);
  return guard !== undefined && (guard !== 'serving' || !isAlive(daemon));
}

function notActive(name: string): TscryptError {
  return new TscryptError('NO_SUCH_DEVICE', `Device ${name} is not active.`, { details: { name } });
}

export function isLost(error: unknown): boolean {
  return error instanceof TscryptError && error.code === 'CONNECTION_LOST';
}

/** Waits until the daemon's process is no more, or the time is up. */
async function ended(daemon: ProcessIdentity, timeoutMs: number): Promise<void> {
  for (const pause of pauses(timeoutMs)) {
    if (!isAlive(daemon)) return;
    await sleep(pause);
  }
}

function servesOthers({ paths, daemon }: Found): boolean {
  const root = dirname(paths.directory);
  return deviceDirectories(root).some((name) => holderOf(join(root, name))?.pid === daemon.pid);
}

/** Milliseconds to wait between looks, ever longer, until they make up the total. */
export function* pauses(totalMs: number): Generator<number, undefined> {
  let pause = 1;
  for (let total = 0; total < totalMs; total += pause) {
    yield pause;
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
  return undefined;
}
