import type { Socket } from 'node:net';
import { TscryptError } from '../errors.ts';
import { thisProcess } from '../sys/index.ts';
import { FramePeer } from './frame-peer.ts';
import { OneAtATime } from './one-at-a-time.ts';
import type { DeviceRegistration } from './registration.ts';
import { disposeSecrets } from './secret-values.ts';
import { type Hello, PROTOCOL_VERSION } from './supervisor/protocol.ts';
import { connectToSupervisor, findOrStartSupervisor } from './supervisor/start.ts';

export interface RegistrarOptions {
  /** The runtime directory. */
  readonly root: string;
  readonly common: boolean;
  /** All devices as they are now. Their secrets are copies, which are disposed of here. */
  readonly snapshot: () => DeviceRegistration[];
  readonly log: (error: unknown) => void;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/**
 * The daemon's side of the connection to the supervisor: tells it what a successor must know. If the supervisor
 * dies, another one is started and told everything again.
 */
export class Registrar {
  readonly #options: RegistrarOptions;
  #peer: FramePeer | undefined;
  /** The supervisor is to know of this daemon. */
  #wanted = false;
  #pauseMs = FIRST_PAUSE_MS;
  readonly #turns = new OneAtATime();

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  get active(): boolean {
    return this.#wanted;
  }

  /**
   * Registers this daemon with all its devices, if it is not yet.
   *
   * @throws TscryptError why there is no supervisor; another attempt is made by and by
   */
  begin(): Promise<void> {
    return this.#turns.run(async () => {
      if (this.#wanted) return;
      this.#wanted = true;
      await this.#connect();
    });
  }

  /**
   * For a successor: introduces this daemon to the supervisor that started it. {@link complete} follows. Never rejects:
   * without a supervisor it goes on alone.
   */
  succeed(): Promise<void> {
    return this.#turns.run(async () => {
      this.#wanted = true;
      try {
        const socket = await connectToSupervisor(this.#options.root);
        if (socket) await this.#greet(socket);
      } catch (error) {
        this.#options.log(error);
      }
    });
  }

  /** A successor has taken everything over. Never rejects. */
  complete(): Promise<void> {
    return this.#turns
      .run(async () => {
        if (!this.#wanted) return;
        if (this.#peer) await this.#registerAll(this.#peer);
        else await this.#connect();
      })
      .catch(this.#options.log);
  }

  /**
   * Tells the supervisor how a device is now. Never rejects: what cannot be said now is said to the next supervisor.
   *
   * @param make called when it is its turn; as {@link RegistrarOptions.snapshot}
   */
  update(make: () => DeviceRegistration | undefined): Promise<void> {
    return this.#say(async (peer) => {
      const device = make();
      if (device) await register(peer, device);
    });
  }

  /** The device is gone. Never rejects. */
  forget(id: string): Promise<void> {
    return this.#say((peer) => peer.ask('forget', { id }));
  }

  /** This daemon ends with nothing left to do. Never rejects. */
  goodbye(): Promise<void> {
    return this.#say((peer) => {
      this.#wanted = false;
      return peer.ask('goodbye');
    });
  }

  /**
   * This daemon ends and is to have a successor.
   *
   * @throws TscryptError when the supervisor does not know everything; the daemon must go on then
   */
  leave(): Promise<void> {
    return this.#turns.run(async () => {
      if (!this.#peer) throw new TscryptError('CONNECTION_LOST', 'The supervisor cannot be reached.');
      await this.#registerAll(this.#peer);
      await this.#peer.ask('leave');
    });
  }

  /** Says nothing more, whatever happens: what there was to know does not hold any longer. */
  silence(): void {
    this.#wanted = false;
  }

  async #connect(): Promise<void> {
    try {
      const peer = await this.#greet(await findOrStartSupervisor(this.#options.root));
      await this.#registerAll(peer);
      this.#pauseMs = FIRST_PAUSE_MS;
    } catch (error) {
      this.#peer?.close();
      this.#peer = undefined;
      this.#tryLater();
      throw error;
    }
  }

  async #greet(socket: Socket): Promise<FramePeer> {
    const peer: FramePeer = new FramePeer(socket, { onEnd: () => this.#lose(peer) });
    this.#peer = peer;
    const hello: Hello = {
      version: PROTOCOL_VERSION,
      daemon: thisProcess(),
      common: this.#options.common,
    };
    await peer.ask('hello', { ...hello });
    return peer;
  }

  async #registerAll(peer: FramePeer): Promise<void> {
    const devices = this.#options.snapshot();
    const ids = devices.map(({ id }) => id);
    try {
      for (const device of devices) await register(peer, device);
    } finally {
      disposeSecrets(devices);
    }
    await peer.ask('ready', { ids });
  }

  /** The connection is gone, and the next thing that is said is everything. */
  #lose(peer: FramePeer): void {
    if (this.#peer !== peer) return;
    this.#peer = undefined;
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    try {
      await this.#turns.run(async () => {
        if (this.#wanted && !this.#peer) await this.#connect();
      });
    } catch (error) {
      this.#options.log(error);
    }
  }

  #tryLater(): void {
    setTimeout(() => void this.#reconnect(), this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  /** Never rejects. */
  async #say(what: (peer: FramePeer) => Promise<unknown>): Promise<void> {
    let listener: FramePeer | undefined;
    try {
      await this.#turns.run(async () => {
        listener = this.#wanted ? this.#peer : undefined;
        if (listener) await what(listener);
      });
    } catch (error) {
      if (!(error instanceof TscryptError) || error.code !== 'CONNECTION_LOST') {
        this.#options.log(error);
        return;
      }
      // The next supervisor is told everything; until then this has not been said.
      if (listener) this.#lose(listener);
      await this.#turns.run(async () => {});
    }
  }
}

async function register(peer: FramePeer, device: DeviceRegistration): Promise<void> {
  try {
    await peer.ask('device', { device });
  } finally {
    disposeSecrets(device);
  }
}
