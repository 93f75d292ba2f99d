import { setTimeout as sleep } from 'node:timers/promises';
import { checkName } from '../dm/names.ts';
import { TscryptError } from '../errors.ts';
import { isAlive, type ProcessIdentity } from '../sys/index.ts';
import { clearDeadStagings, clearIfDead, deviceDirectories } from './claim.ts';
import { ask, NOT_LISTENING } from './control-client.ts';
import type { CloseOptions, DeviceInfo } from './request.ts';
import { type DevicePaths, devicePaths, existingRuntimeDirectory } from './runtime-directory.ts';

const STATUS_TIMEOUT_MS = 10_000;
const LONGEST_PAUSE_MS = 50;
/** How long a daemon may be neither listening nor gone: it is starting, or closing for somebody else. */
const TRANSITION_MS = 30_000;
/** How long a process that was killed may take to disappear once its connections are closed. */
const ENDING_MS = 2_000;

interface Found {
  readonly paths: DevicePaths;
  readonly daemon: ProcessIdentity;
}

/**
 * The active device of that name, or undefined; one that is only starting or already closing is not active.
 * Clears away what a dead daemon left behind.
 */
export async function findDevice(name: string): Promise<DeviceInfo | undefined> {
  checkName(name);
  const root = existingRuntimeDirectory();
  const found = root === undefined ? undefined : find(root, name);
  return found && (await status(found));
}

/** All active devices, by name. */
export async function listDevices(): Promise<DeviceInfo[]> {
  const root = existingRuntimeDirectory();
  if (root === undefined) return [];
  clearDeadStagings(root);
  const found = deviceDirectories(root).flatMap((name) => find(root, name) ?? []);
  const infos = await Promise.all(found.map(status));
  return infos.filter((info) => info !== undefined);
}

/**
 * Closes a device. When this returns, and the close was not deferred, everything is on stable storage, the
 * keys are wiped, and the daemon and its directory are gone.
 *
 * @throws TscryptError NO_SUCH_DEVICE if it is not active, DEVICE_BUSY if clients are connected; an error of the
 *   last flush, in which case the device is still there unless `force`
 */
export async function closeDevice(name: string, options: CloseOptions = {}): Promise<void> {
  const found = await findOrThrow(name);
  const answer = (await asked(found, name, 'close', { ...options })) as { closed?: boolean } | null;
  if (answer?.closed) await gone(found);
}

/** Holds all requests back until {@link resumeDevice}; what was written before is flushed unless told not to. */
export async function suspendDevice(name: string, options: { flush?: boolean } = {}): Promise<void> {
  await asked(await findOrThrow(name), name, 'suspend', { flush: options.flush ?? true });
}

export async function resumeDevice(name: string): Promise<void> {
  await asked(await findOrThrow(name), name, 'resume');
}

/** Makes everything written so far stable. */
export async function flushDevice(name: string): Promise<void> {
  await asked(await findOrThrow(name), name, 'flush');
}

/**
 * `dmsetup message`: gives `words` to the target that holds `sector`. Words travel as text: key material may not
 * be sent this way.
 *
 * @returns the target's answer, '' if it has none
 */
export async function messageDevice(name: string, sector: number, words: readonly string[]): Promise<string> {
  return String(await asked(await findOrThrow(name), name, 'message', { sector, words }));
}

function find(root: string, name: string): Found | undefined {
  const paths = devicePaths(root, name);
  const holder = clearIfDead(paths.directory);
  return holder.kind === 'owner' ? { paths, daemon: holder.process } : undefined;
}

async function findOrThrow(name: string): Promise<Found> {
  checkName(name);
  const root = existingRuntimeDirectory();
  const found = root === undefined ? undefined : find(root, name);
  if (!found) throw notActive(name);
  return found;
}

function notActive(name: string): TscryptError {
  return new TscryptError('NO_SUCH_DEVICE', `Device ${name} is not active.`, { details: { name } });
}

async function status(found: Found): Promise<DeviceInfo | undefined> {
  try {
    const answer = await ask(found.paths.controlSocket, 'status', {}, STATUS_TIMEOUT_MS);
    if (answer !== NOT_LISTENING) return answer as DeviceInfo;
  } catch (error) {
    // A connection that breaks is the first sign of an end; the process is still there for a moment.
    if (lostConnection(error)) await ended(found.daemon, ENDING_MS);
    if (isAlive(found.daemon)) throw error;
  }
  // It ended while it was asked, perhaps without clearing up.
  clearIfDead(found.paths.directory);
  return undefined;
}

async function asked(
  found: Found,
  name: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  for (const waiting = pauses(TRANSITION_MS); ; ) {
    const answer = await ask(found.paths.controlSocket, method, params);
    if (answer !== NOT_LISTENING) return answer;
    if (!isAlive(found.daemon)) throw notActive(name);
    const pause = waiting.next();
    if (pause.done)
      throw new TscryptError('DEVICE_BUSY', `Device ${name} is starting or closing.`, { details: { name } });
    await sleep(pause.value);
  }
}

function lostConnection(error: unknown): boolean {
  return error instanceof TscryptError && error.code === 'CONNECTION_LOST';
}

/** Waits until the daemon's process is no more, or the time is up. */
async function ended(daemon: ProcessIdentity, timeoutMs: number): Promise<void> {
  for (const pause of pauses(timeoutMs)) {
    if (!isAlive(daemon)) return;
    await sleep(pause);
  }
}

async function gone(found: Found): Promise<void> {
  await ended(found.daemon, Number.POSITIVE_INFINITY);
  // Usually it has done so itself; if it was killed on its last steps, this does.
  clearIfDead(found.paths.directory);
}

function* pauses(totalMs: number): Generator<number, undefined> {
  let pause = 1;
  for (let total = 0; total < totalMs; total += pause) {
    yield pause;
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
  return undefined;
}
