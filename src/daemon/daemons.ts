import { setTimeout as sleep } from 'node:timers/promises';
import { TscryptError } from '../errors.ts';
import { isAlive } from '../sys/index.ts';
import { holderOf } from './claim.ts';
import { FramePeer } from './frame-peer.ts';
import { asked, type Found, findOrThrow, isHeld, pauses, status } from './reaching.ts';
import { existingRuntimeDirectory } from './runtime-directory.ts';
import { type DeviceState, readStates } from './state-file.ts';
import type { SupervisedDaemon, SupervisorStatus } from './supervisor/protocol.ts';
import { connectToSupervisor } from './supervisor/start.ts';

/** A daemon, alive or being replaced, and what the supervisor says of it. */
export interface DaemonInfo extends Omit<SupervisedDaemon, 'state'> {
  /** `unsupervised`: no supervisor knows of it, and when it dies nobody replaces it. */
  readonly state: SupervisedDaemon['state'] | 'unsupervised';
  /** It is the one that devices share which ask for no other. */
  readonly common: boolean;
}

export interface DaemonsInfo {
  /** The supervisor's process, if there is one. */
  readonly supervisor?: number;
  readonly daemons: readonly DaemonInfo[];
}

export interface Restarted {
  /** Processes. */
  readonly from: number;
  readonly to: number;
  /** Names. */
  readonly devices: readonly string[];
}

export interface RestartOptions {
  /** Also when clients of sockets are disconnected, and users of what cannot be handed over get errors. */
  readonly force?: boolean;
}

/** The daemons of the runtime directory. */
export async function daemonsInfo(): Promise<DaemonsInfo> {
  const supervisor = (await tellSupervisor('status')) as SupervisorStatus | undefined;
  const supervised = supervisor?.daemons ?? [];
  const others = new Map<number, DeviceState[]>();
  const states = activeStates();
  for (const state of states) {
    if (supervised.some(({ pid }) => pid === state.pid)) continue;
    others.set(state.pid, [...(others.get(state.pid) ?? []), state]);
  }
  return {
    ...(supervisor && { supervisor: supervisor.pid }),
    daemons: [
      ...supervised.map((daemon) => ({
        ...daemon,
        common: states.some(({ name, common }) => common && daemon.devices.includes(name)),
      })),
      ...[...others].map(([pid, devices]) => ({
        pid,
        state: 'unsupervised' as const,
        common: devices.some(({ common }) => common),
        devices: devices.map(({ name }) => name),
        failures: 0,
      })),
    ],
  };
}

/**
 * Replaces the daemons of these devices (of all, if none is named) by new ones of the version that is installed now,
 * with the devices in use. Returns when the new ones serve.
 *
 * @throws TscryptError NO_SUCH_DEVICE; DEVICE_BUSY when somebody uses a device in a way that cannot be handed over,
 *   unless `force`; INTERNAL when a new daemon does not come up: its devices wait for one that does
 */
export async function restartDaemons(
  names: readonly string[],
  options: RestartOptions = {},
): Promise<Restarted[]> {
  const wanted = names.length > 0 ? names : activeStates().map(({ name }) => name);
  const done: Restarted[] = [];
  for (const name of wanted) {
    const found = findOrThrow(name);
    const from = found.daemon.pid;
    if (done.some(({ to }) => to === from)) continue;
    if (isAlive(found.daemon)) await asked(found, name, 'replace', { force: options.force ?? false });
    else await tellSupervisor('retry');
    const to = await succeeded(found, name);
    done.push({ from, to, devices: devicesOf(to) });
  }
  // The supervisor is of the old version as well; those that it keeps start a new one.
  if (names.length === 0) await tellSupervisor('retire').catch(() => {});
  return done;
}

/** The process that serves the device in the place of the one that it was found with. */
async function succeeded(found: Found, name: string): Promise<number> {
  for (const pausing = pauses(Number.POSITIVE_INFINITY); ; await sleep(pausing.next().value)) {
    const daemon = holderOf(found.paths.directory);
    if (daemon && daemon.pid !== found.daemon.pid) {
      const info = await status(found);
      if (info && info.pid !== found.daemon.pid) return info.pid;
    }
    if (!isHeld(found)) {
      throw new TscryptError('INTERNAL', `No daemon could go on with ${name}; see the log of its devices.`, {
        details: { device: name },
      });
    }
    await checkAttempts(name);
  }
}

/** @throws TscryptError INTERNAL when attempts to start the successor fail */
async function checkAttempts(name: string): Promise<void> {
  const supervisor = (await tellSupervisor('status')) as SupervisorStatus | undefined;
  const daemon = supervisor?.daemons.find(({ devices }) => devices.includes(name));
  if (daemon?.state !== 'waiting' || daemon.lastError === undefined) return;
  throw new TscryptError('INTERNAL', `The new daemon of ${name} does not come up: ${daemon.lastError}`, {
    details: { device: name },
    hint: `Nothing is lost: the device waits, and other attempts follow. At once: tscrypt daemon restart ${name}`,
  });
}

function devicesOf(pid: number): string[] {
  return activeStates().flatMap((state) => (state.pid === pid ? state.name : []));
}

function activeStates(): DeviceState[] {
  const root = existingRuntimeDirectory();
  return root === undefined ? [] : readStates(root);
}

/** One question to the supervisor; undefined when there is none. */
async function tellSupervisor(method: string): Promise<unknown> {
  const root = existingRuntimeDirectory();
  const socket = root === undefined ? undefined : await connectToSupervisor(root);
  if (!socket) return undefined;
  const peer = new FramePeer(socket, {});
  try {
    return await peer.ask(method);
  } finally {
    peer.close();
  }
}
