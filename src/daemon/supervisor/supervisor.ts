import { createServer, type Server, type Socket } from 'node:net';
import { TscryptError } from '../../errors.ts';
import { listenOnUnixSocket, peerCredentials, type UnixListener } from '../../sys/index.ts';
import { mayControl } from '../control-server.ts';
import { FramePeer } from '../frame-peer.ts';
import { count, flag, type Parameters, text } from '../parameters.ts';
import { identityFrom, registrationOf } from '../registration.ts';
import { GuardFiles } from './guard-files.ts';
import { Lineage } from './lineage.ts';
import { PROTOCOL_VERSION, type SupervisorStatus } from './protocol.ts';

export interface SupervisorOptions {
  /** The runtime directory. */
  readonly root: string;
  /** The supervisor's own in it. */
  readonly directory: string;
  readonly log: (error: unknown) => void;
}

/** How long one that nobody needs stays: the one for whom it was started has to find it. */
const IDLE_MS = 2_000;

/**
 * Keeps what daemons tell it of their devices, starts a successor for each that dies or leaves, and ends when there
 * is nothing to keep.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #guards: GuardFiles;
  readonly #lineages = new Set<Lineage>();
  readonly #server: Server;
  #listener: UnixListener | undefined;
  #connections = 0;
  #idle: NodeJS.Timeout | undefined;
  #end: () => void = () => {};
  /** Settles when there is nothing more to do. */
  readonly ended: Promise<void>;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#guards = new GuardFiles(options.directory);
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async listen(path: string): Promise<void> {
    this.#listener = await listenOnUnixSocket(this.#server, path);
    this.#endIfIdle();
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (!mayControl(socket)) {
      socket.destroy();
      return;
    }
    const pid = peerCredentials(socket)?.pid;
    let lineage: Lineage | undefined;
    const known = (): Lineage => {
      if (lineage) return lineage;
      throw new TscryptError('PROTOCOL_ERROR', 'A daemon says hello first.');
    };
    const methods: Readonly<Record<string, (parameters: Parameters) => unknown>> = {
      hello: (hello) => {
        lineage = this.#greet(hello, pid);
        lineage.connected(socket);
      },
      device: ({ device }) => known().register(registrationOf(device)),
      forget: ({ id }) => known().forget(text(id, 'id')),
      ready: ({ ids }) => known().ready(list(ids, 'ids')),
      leave: () => known().leave(),
      goodbye: () => known().end(),
      status: () => this.#status,
      retry: () => {
        for (const one of this.#lineages) one.retry();
      },
      retire: () => this.#retire(),
    };
    this.#connections++;
    clearTimeout(this.#idle);
    new FramePeer(socket, {
      handle: (method, parameters) => {
        const answer = Object.hasOwn(methods, method) ? methods[method] : undefined;
        if (answer) return answer(parameters);
        throw new TscryptError('NOT_SUPPORTED', 'Unknown method.', { details: { field: 'method' } });
      },
      onEnd: () => {
        this.#connections--;
        lineage?.disconnected(socket);
        this.#endIfIdle();
      },
    });
  }

  get #status(): SupervisorStatus {
    return { pid: process.pid, daemons: [...this.#lineages].map(({ status }) => status) };
  }

  #greet(hello: Parameters, pid: number | undefined): Lineage {
    if (count(hello.version, 'version') !== PROTOCOL_VERSION) {
      throw new TscryptError('NOT_SUPPORTED', 'The supervisor that runs is of another version.', {
        details: { expected: PROTOCOL_VERSION, found: hello.version },
        hint: 'End it, and the daemons start another one.',
      });
    }
    const daemon = identityFrom(hello.daemon);
    if (pid !== undefined && pid !== daemon.pid)
      throw new TscryptError('PERMISSION_DENIED', 'A daemon speaks for itself alone.');
    let lineage = [...this.#lineages].find((one) => one.isServedBy(daemon));
    if (!lineage) {
      lineage = new Lineage(daemon, {
        root: this.#options.root,
        common: flag(hello.common, 'common', false),
        guards: this.#guards,
        log: this.#options.log,
        onOver: (one) => {
          this.#lineages.delete(one);
          this.#endIfIdle();
        },
      });
      this.#lineages.add(lineage);
    }
    return lineage;
  }

  /** The daemons start another one, which learns from them what there is to know. */
  #retire(): void {
    if ([...this.#lineages].some(({ status }) => status.state !== 'serving'))
      throw new TscryptError('DEVICE_BUSY', 'A daemon is being replaced.');
    setImmediate(() => this.#finish());
  }

  #endIfIdle(): void {
    clearTimeout(this.#idle);
    if (this.#lineages.size > 0 || this.#connections > 0) return;
    this.#idle = setTimeout(() => this.#finish(), IDLE_MS);
  }

  #finish(): void {
    // Who connects from now on finds nobody, and starts another one.
    this.#server.close();
    void this.#listener?.unlink().finally(() => this.#end());
  }
}

function list(value: unknown, field: string): string[] {
  if (Array.isArray(value)) return value.map((member) => text(member, field));
  throw new TscryptError('INVALID_ARGUMENT', `${field} must be a list.`, { details: { field } });
}
