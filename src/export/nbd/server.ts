import { lookup } from 'node:dns/promises';
import net, { type AddressInfo } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { NBD_MAX_STRING } from '../../block/nbd/protocol.ts';
import { fromSystemError, TscryptError } from '../../errors.ts';
import { ffiAvailable } from '../../sys/ffi.ts';
import { listenOnUnixSocket, type UnixListener } from '../../sys/unix-socket.ts';
import type { QueueRun, QueueThreads } from '../queue-threads.ts';
import { BufferPool } from './buffers.ts';
import { Connection } from './connection.ts';
import type { NbdExport } from './export.ts';
import { type NbdConnectionParameters, serveNbdConnection } from './socket/job.ts';
import { serveNbdConnectionInThreads } from './socket/threads.ts';

/** As node:tls takes it; with `ca`, clients must present a certificate signed by it. */
export type NbdTlsOptions = Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>;

export interface NbdServerOptions {
  readonly exports?: Iterable<NbdExport>;
  /** With it every TCP connection must start TLS; unix sockets stay plain. */
  readonly tls?: NbdTlsOptions;
  /** A client entered or left an export: its name, and how many have it now. */
  readonly onConnectionsChange?: (exportName: string, count: number) => void;
  /** The threads that serve an export's connections; default: this one. */
  readonly queues?: (entry: NbdExport) => QueueThreads;
  /**
   * Serve plain connections over their descriptors, without Node's streams, where foreign functions allow it. Default:
   * true. Threads need it.
   */
  readonly descriptors?: boolean;
  /** Serving a connection broke, for no fault of the client's. */
  readonly onError?: (error: unknown) => void;
}

/** An export as it is offered now. Connections hold on to it whatever it is called. */
type Offer = { -readonly [K in keyof NbdExport]: NbdExport[K] };

/** Connections at once; further ones are closed when they come. */
const MAX_CONNECTIONS = 256;

const LOOPBACK = new net.BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Serves block devices over the NBD protocol (fixed newstyle). The devices stay the caller's, who closes
 * them after {@link close}.
 *
 * @example
 * const server = new NbdServer({ exports: [{ name: 'disk', device: new MemoryDevice(2 ** 20) }] });
 * await server.listenUnix('/run/user/1000/disk.sock'); // nbd+unix:///disk?socket=/run/user/1000/disk.sock
 */
export class NbdServer {
  readonly #exports = new Map<string, Offer>();
  readonly #pool = new BufferPool();
  readonly #tls: TlsOptions | undefined;
  readonly #onChange: NbdServerOptions['onConnectionsChange'];
  readonly #onError: NonNullable<NbdServerOptions['onError']>;
  readonly #queues: NbdServerOptions['queues'];
  readonly #descriptors: boolean;
  readonly #listeners = new Map<net.Server, UnixListener | undefined>();
  readonly #connections = new Set<Connection>();
  readonly #waiters = new Set<() => void>();
  #closing = false;

  /** @throws TscryptError INVALID_ARGUMENT for unusable certificates and names, DEVICE_EXISTS */
  constructor(options: NbdServerOptions = {}) {
    this.#onChange = options.onConnectionsChange;
    this.#onError = options.onError ?? (() => {});
    this.#queues = options.queues;
    this.#descriptors = (options.descriptors ?? true) && ffiAvailable();
    this.#tls = options.tls && tlsOptions(options.tls);
    for (const entry of options.exports ?? []) this.addExport(entry);
  }

  /** @throws TscryptError DEVICE_EXISTS; INVALID_ARGUMENT for names and descriptions the protocol cannot carry */
  addExport(entry: NbdExport): void {
    this.#checkNew(entry);
    this.#exports.set(entry.name, { ...entry });
  }

  #checkNew(entry: NbdExport): void {
    for (const text of [entry.name, entry.description ?? '']) {
      if (Buffer.byteLength(text) > NBD_MAX_STRING || text.includes('\0')) {
        throw new TscryptError('INVALID_ARGUMENT', 'The name or description of the export is unusable.', {
          details: { export: entry.name },
        });
      }
    }
    if (this.#exports.has(entry.name)) {
      throw new TscryptError('DEVICE_EXISTS', `Export ${entry.name} exists already.`, {
        details: { export: entry.name },
      });
    }
  }

  /** Forgets the export, finishes the requests under way on its connections and closes those. */
  async removeExport(name: string): Promise<void> {
    const entry = this.#exports.get(name);
    if (!entry) return;
    this.#exports.delete(name);
    for (const connection of this.#connections) if (connection.entry === entry) connection.end();
    await this.#until(() => ![...this.#connections].some((connection) => connection.entry === entry));
  }

  /**
   * Offers an export under another name from now on; connections it has stay.
   *
   * @throws TscryptError DEVICE_EXISTS when the name is taken
   */
  renameExport(from: string, to: string): void {
    const entry = this.#exports.get(from);
    if (!entry || from === to) return;
    this.#checkNew({ ...entry, name: to });
    this.#exports.delete(from);
    entry.name = to;
    this.#exports.set(to, entry);
  }

  /** Connections that have chosen this export; without a name, of all exports. */
  connections(name?: string): number {
    let count = 0;
    for (const { entry } of this.#connections) {
      if (entry && (name === undefined || entry.name === name)) count += 1;
    }
    return count;
  }

  /**
   * Listens on a unix socket of mode 0600.
   *
   * @throws TscryptError DEVICE_BUSY when a live server has the path, DEVICE_EXISTS when something else has it,
   *   INVALID_ARGUMENT (path too long), NO_SUCH_DEVICE, PERMISSION_DENIED
   */
  async listenUnix(path: string): Promise<void> {
    const server = this.#createServer(false);
    const listener = await listenOnUnixSocket(server, path);
    this.#listeners.set(server, listener);
    if (this.#closing) await this.close();
  }

  /**
   * @param host a loopback address; any with TLS and `ca`, so that strangers are turned away
   * @param port 0 = any free one
   * @throws TscryptError INVALID_ARGUMENT for an address that is not loopback without them; DEVICE_BUSY
   */
  async listenTcp(host: string, port: number): Promise<AddressInfo> {
    const address = await this.#resolve(host);
    const server = this.#createServer(this.#tls !== undefined);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: address, port }, () => {
          server.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      throw fromSystemError(error, `Cannot listen on ${host}:${port}`, { host, port });
    }
    this.#listeners.set(server, undefined);
    return server.address() as AddressInfo;
  }

  /**
   * Stops listening, finishes the requests under way, answers them, closes the connections and removes the
   * sockets. Clients that do not take their replies are not waited for long.
   */
  async close(): Promise<void> {
    this.#closing = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const [, unix] of listeners) await unix?.unlink();
    for (const [server] of listeners) server.close();
    for (const connection of this.#connections) connection.end();
    await this.#until(() => this.#connections.size === 0);
  }

  /** The address itself, so that what was checked is what is listened on. */
  async #resolve(host: string): Promise<string> {
    let address: string;
    try {
      ({ address } = await lookup(host));
      if (!address) throw new TypeError('no host');
    } catch (error) {
      throw new TscryptError('INVALID_ARGUMENT', `Unknown host ${host}.`, {
        details: { host },
        cause: error,
      });
    }
    const isLoopback = LOOPBACK.check(address, net.isIPv6(address) ? 'ipv6' : 'ipv4');
    // TLS that lets anybody in would keep the data from listeners on the way, but serve it to whoever asks.
    if (this.#tls?.ca === undefined && !isLoopback) {
      throw new TscryptError(
        'INVALID_ARGUMENT',
        `${host} is not a loopback address: TLS that asks for the client's certificate is needed.`,
        {
          details: { host, address },
          hint: 'Give a certificate, its key and the authority of the clients, or listen on 127.0.0.1 or a unix socket.',
        },
      );
    }
    return address;
  }

  #createServer(tls: boolean): net.Server {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      if (this.#closing || this.#connections.size >= MAX_CONNECTIONS) {
        socket.destroy();
        return;
      }
      this.#accept(socket, tls);
    });
    return server;
  }

  #accept(socket: net.Socket, tls: boolean): void {
    const connection = new Connection(socket, {
      exports: this.#exports,
      pool: this.#pool,
      ...(tls && this.#tls && { tls: this.#tls }),
      closing: () => this.#closing,
      ...(this.#descriptors && { serve: (entry, parameters) => this.#serve(entry, parameters) }),
      failed: this.#onError,
      entered: ({ entry }) => this.#changed(entry),
      left: (gone) => {
        this.#connections.delete(gone);
        this.#changed(gone.entry);
        for (const waiter of this.#waiters) waiter();
      },
    });
    this.#connections.add(connection);
  }

  #serve(entry: NbdExport, parameters: NbdConnectionParameters): Promise<QueueRun> {
    const queues = this.#queues?.(entry);
    return queues
      ? serveNbdConnectionInThreads(queues, parameters)
      : serveNbdConnection(entry.device, parameters);
  }

  #changed(entry: NbdExport | undefined): void {
    if (entry) this.#onChange?.(entry.name, this.connections(entry.name));
  }

  async #until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const waiter = (): void => {
        if (!condition()) return;
        this.#waiters.delete(waiter);
        resolve();
      };
      this.#waiters.add(waiter);
    });
  }
}

function tlsOptions(options: NbdTlsOptions): TlsOptions {
  if (!options.cert || !options.key) {
    throw new TscryptError('INVALID_ARGUMENT', 'TLS needs a certificate and its key.');
  }
  const mutual = options.ca !== undefined;
  const complete = {
    ...options,
    minVersion: 'TLSv1.2',
    requestCert: mutual,
    rejectUnauthorized: mutual,
  } as const;
  try {
    // Tried now, so that unusable certificates are not found out by the first client. (Few servers use TLS,
    // which takes long to load.)
    process.getBuiltinModule('node:tls').createSecureContext(complete);
  } catch (error) {
    throw new TscryptError('INVALID_ARGUMENT', 'The TLS certificate or key is unusable.', { cause: error });
  }
  return complete;
}
