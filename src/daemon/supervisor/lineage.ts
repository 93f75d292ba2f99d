import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError } from '../../errors.ts';
import { isAlive, type ProcessIdentity } from '../../sys/index.ts';
import type { DeviceRegistration, SuccessionOrder } from '../registration.ts';
import { disposeSecrets } from '../secret-values.ts';
import type { GuardFiles } from './guard-files.ts';
import { Patience } from './patience.ts';
import type { DaemonState, SupervisedDaemon } from './protocol.ts';
import { type Successor, startSuccessor } from './successor.ts';

export interface LineageOptions {
  readonly root: string;
  readonly common: boolean;
  readonly guards: GuardFiles;
  readonly log: (error: unknown) => void;
  /** There is nothing more to see to. */
  readonly onOver: (lineage: Lineage) => void;
}

const PAUSE_MS = 10;
/** A process that has lost its connection may come back, or die. */
const LONGEST_PAUSE_MS = 500;
const ATTEMPTS_TO_DISCARD = 5;

/**
 * The devices of one stack, and the daemons that serve them one after the other. Knows at any time what a successor
 * would have to know.
 */
export class Lineage {
  readonly #options: LineageOptions;
  readonly #devices = new Map<string, DeviceRegistration>();
  readonly #patience = new Patience();
  /** All whose property is still to be taken over, the one that serves last. */
  #daemons: ProcessIdentity[];
  /** Stands for the connection to the daemon, while there is one. */
  #connection: object | undefined;
  /** The daemon started last has said something. */
  #working = true;
  #state: DaemonState = 'serving';
  /** A daemon wanted to be replaced and has not been: its devices are kept, whatever happens. */
  #leaving = false;
  #over = false;
  /** How often the daemon's end was seen. */
  #ends = 0;
  #lastError: string | undefined;
  /** What ends the wait for a successor. */
  #ready: () => void = () => {};
  #hurry = new AbortController();

  /** For a daemon that is new here. */
  constructor(daemon: ProcessIdentity, options: LineageOptions) {
    this.#options = options;
    this.#daemons = [daemon];
    options.guards.put(daemon, 'serving');
  }

  get status(): SupervisedDaemon {
    return {
      pid: this.#daemons.at(-1)?.pid ?? 0,
      state: this.#state,
      devices: [...this.#devices.values()].map(({ name }) => name),
      failures: this.#patience.failures,
      ...(this.#lastError !== undefined && { lastError: this.#lastError }),
    };
  }

  /** Whether it is the daemon that serves, or was started to. */
  isServedBy(daemon: ProcessIdentity): boolean {
    const last = this.#daemons.at(-1);
    return last?.pid === daemon.pid && last.startTime === daemon.startTime;
  }

  /** The daemon has connected: a successor that begins its work, or one that had lost its connection. */
  connected(connection: object): void {
    this.#connection = connection;
    this.#working = true;
    if (this.#state === 'ending') this.#state = 'serving';
  }

  /** Keeps the registration; its secrets are owned here from now on. */
  register(device: DeviceRegistration): void {
    disposeSecrets(this.#devices.get(device.id));
    this.#devices.set(device.id, device);
  }

  forget(id: string): void {
    disposeSecrets(this.#devices.get(id));
    this.#devices.delete(id);
  }

  /** The daemon serves these devices and no others; nobody else's property is left. */
  ready(ids: readonly string[]): void {
    for (const id of [...this.#devices.keys()]) if (!ids.includes(id)) this.forget(id);
    for (const daemon of this.#daemons.splice(0, this.#daemons.length - 1))
      this.#options.guards.remove(daemon);
    this.#leaving = false;
    this.#lastError = undefined;
    this.#patience.succeeded();
    this.#state = 'serving';
    this.#ready();
  }

  /** The daemon ends and wants a successor. */
  leave(): void {
    this.#leaving = true;
    const daemon = this.#daemons.at(-1);
    if (daemon) this.#options.guards.put(daemon, 'leaving');
  }

  /** The daemon ends in order, and has nothing left to see to. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const id of [...this.#devices.keys()]) this.forget(id);
    for (const daemon of this.#daemons) this.#options.guards.remove(daemon);
    this.#ready();
    this.#options.onOver(this);
  }

  /** Tries at once what waits for its next attempt. */
  retry(): void {
    this.#hurry.abort();
    this.#hurry = new AbortController();
  }

  /** The daemon's connection has ended, unless it has another one already. */
  disconnected(connection: object): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#seeTo();
  }

  #seeTo(): void {
    // A successor that does not come up is waited for as a process.
    if (this.#over || this.#state !== 'serving') return;
    this.#state = 'ending';
    this.#succeed().catch((error: unknown) => {
      this.#options.log(error);
      this.end();
    });
  }

  async #succeed(): Promise<void> {
    if (!(await this.#death())) return;
    if (!this.#leaving) this.#patience.died();
    while (!this.#over) {
      if (this.#devices.size === 0) return this.end();
      if (this.#patience.exhausted && !this.#leaving) return await this.#discard();
      await this.#pause();
      if (await this.#attempt('recover')) return;
    }
  }

  /** @returns false when the daemon has come back instead */
  async #death(): Promise<boolean> {
    const daemon = this.#daemons.at(-1);
    const end = ++this.#ends;
    for (let pause = PAUSE_MS; daemon && isAlive(daemon); pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
      await sleep(pause);
      if (this.#connection || this.#ends !== end) return false;
    }
    return !this.#over;
  }

  async #pause(): Promise<void> {
    const { pauseMs } = this.#patience;
    if (pauseMs === 0) return;
    this.#state = 'waiting';
    await sleep(pauseMs, undefined, { signal: this.#hurry.signal }).catch(() => {});
  }

  /** @returns whether there is nothing more to do for now: a successor serves, or everything is over */
  async #attempt(task: SuccessionOrder['task']): Promise<boolean> {
    this.#state = task === 'recover' ? 'recovering' : 'discarding';
    this.#working = false;
    const ready = new Promise<'ready'>((resolve) => {
      this.#ready = () => resolve('ready');
    });
    let successor: Successor;
    try {
      successor = await startSuccessor(this.#order(task), (process) => {
        this.#options.guards.put(process, 'succeeding');
        this.#daemons.push(process);
      });
    } catch (error) {
      this.#failed(error);
      return false;
    }
    const outcome = await Promise.race([ready, successor.ended]);
    if (outcome === 'ready') {
      // It may have gone since, and then nobody saw to it.
      if (!this.#connection) this.#seeTo();
      return true;
    }
    this.#failed(outcome.error);
    return task === 'discard' && outcome.error === undefined;
  }

  #order(task: SuccessionOrder['task']): SuccessionOrder {
    const { root, common } = this.#options;
    return {
      task,
      root,
      predecessors: [...this.#daemons],
      common,
      devices: [...this.#devices.values()],
    };
  }

  #failed(error: unknown): void {
    if (this.#working) this.#patience.failedToSucceed();
    else this.#patience.failedToStart();
    if (error === undefined) return;
    this.#lastError = fromSystemError(error, 'The successor failed').message;
    this.#options.log(error);
  }

  /** Gives the devices up: whoever uses them gets errors instead of waiting for ever. */
  async #discard(): Promise<void> {
    for (const [id, { live: _, inactive: __, ...rest }] of [...this.#devices]) {
      this.forget(id);
      this.#devices.set(id, { ...rest, messages: [] });
    }
    for (let attempt = 0; attempt < ATTEMPTS_TO_DISCARD; attempt++) {
      if (await this.#attempt('discard')) break;
      await this.#pause();
    }
    this.end();
  }
}
