import type { ProcessIdentity } from '../../sys/index.ts';

/**
 * What daemons and commands say to the supervisor, over a {@link FramePeer}:
 *
 * - a daemon: `hello` first ({@link Hello}), then `device` (a registration, new or changed), `forget` (an id), `ready`
 *   (the ids of all: what else is registered of its predecessor is gone), and in the end `goodbye`, or `leave` when
 *   it wants a successor;
 * - a command: `status` (answered by a {@link SupervisorStatus}), `retry` (successors that failed to start are tried
 *   again now), `retire` (end; the daemons start another supervisor, of the version installed now).
 */
export const PROTOCOL_VERSION = 1;

export interface Hello {
  readonly version: number;
  readonly daemon: ProcessIdentity;
  readonly common: boolean;
}

export interface SupervisorStatus {
  readonly pid: number;
  readonly daemons: readonly SupervisedDaemon[];
}

export interface SupervisedDaemon {
  /** The daemon, or the last one there was. */
  readonly pid: number;
  readonly state: DaemonState;
  /** Names of its devices. */
  readonly devices: readonly string[];
  /** Deaths and failed starts of the last minute. */
  readonly failures: number;
  /** What the last failed start met. */
  readonly lastError?: string;
}

/**
 * `serving`; `ending`: its connection is gone, the process is not yet; `recovering`: a successor takes over;
 * `waiting`: until the next attempt; `discarding`: what it left is being removed.
 */
export type DaemonState = 'serving' | 'ending' | 'recovering' | 'waiting' | 'discarding';
