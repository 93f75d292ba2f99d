import type net from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import type { BufferPool } from './buffers.ts';
import { isReadOnly, type NbdExport } from './export.ts';
import { Haggling, type Outcome } from './haggling.ts';
import { FAREWELL_TIMEOUT } from './limits.ts';
import { ReceivedBytes, type Receiver, receiveEvents, receiveIntoSlabs, type Sink } from './receiver.ts';
import { Transmission } from './transmission.ts';

export interface ConnectionOptions {
  readonly exports: ReadonlyMap<string, NbdExport>;
  readonly pool: BufferPool;
  /** With it the client must start TLS before anything else. */
  readonly tls?: TlsOptions;
  readonly closing: () => boolean;
  /** An export was chosen. */
  readonly entered: (connection: Connection) => void;
  /** Everything is over: no request is under way, the socket is closed. */
  readonly left: (connection: Connection) => void;
}

// Implementation limits.

/** A client that has not chosen an export after so long is dropped (milliseconds). */
const HANDSHAKE_TIMEOUT = 30_000;

/** One client, from its first byte to its last. */
export class Connection implements Sink {
  readonly #options: ConnectionOptions;
  #receiver: Receiver;
  #haggling: Haggling | undefined;
  #transmission: Transmission | undefined;
  #entry: NbdExport | undefined;
  #idle = true;
  #closed = false;
  #ending = false;
  readonly #handshakeTimer: NodeJS.Timeout;
  #farewellTimer: NodeJS.Timeout | undefined;

  constructor(accepted: net.Socket, options: ConnectionOptions) {
    this.#options = options;
    accepted.setNoDelay?.(true);
    const receiver = options.tls ? undefined : receiveIntoSlabs(accepted, this, options.pool);
    this.#receiver = receiver ?? receiveEvents(accepted, this);
    this.#watch(this.#receiver.socket);
    this.#handshakeTimer = setTimeout(() => this.destroy(), HANDSHAKE_TIMEOUT);
    this.#handshakeTimer.unref();
    this.#haggling = this.#haggle(options.tls ? 'required' : 'none');
    this.#haggling.hello();
    if (!receiver) accepted.resume();
  }

  /** The export chosen, once one is. */
  get entry(): NbdExport | undefined {
    return this.#entry;
  }

  /** Finishes the requests under way, answers them and closes. */
  end(): void {
    if (this.#transmission) this.#transmission.drain();
    else this.#finish();
  }

  /** Closes at once. Requests under way still finish, unanswered. */
  destroy(): void {
    this.#receiver.socket.destroy();
  }

  get room(): Buffer | undefined {
    return this.#transmission?.room;
  }

  roomReceived(count: number): void {
    this.#transmission?.roomReceived(count);
  }

  received(bytes: ReceivedBytes, at: number, end: number): void {
    if (this.#transmission) {
      this.#transmission.received(bytes, at, end);
      return;
    }
    const result = this.#haggling?.feed(bytes.buffer.subarray(at, end));
    if (result) this.#proceed(result.outcome, result.rest);
  }

  #haggle(tls: 'none' | 'required' | 'active'): Haggling {
    return new Haggling({
      tls,
      exports: this.#options.exports,
      closing: this.#options.closing,
      write: (bytes) => this.#receiver.socket.write(bytes),
    });
  }

  #proceed(outcome: Outcome, rest: Buffer): void {
    this.#haggling = undefined;
    if (outcome.next === 'transmission') this.#enter(outcome, rest);
    else if (outcome.next === 'tls') this.#startTls();
    else if (outcome.abrupt) this.destroy();
    else this.#finish();
  }

  #enter(outcome: Extract<Outcome, { next: 'transmission' }>, rest: Buffer): void {
    clearTimeout(this.#handshakeTimer);
    this.#entry = outcome.entry;
    this.#idle = false;
    this.#options.entered(this);
    const receiver = this.#receiver;
    this.#transmission = new Transmission(
      outcome.entry.device,
      {
        readOnly: isReadOnly(outcome.entry),
        structuredReplies: outcome.structuredReplies,
        allocationContext: outcome.allocationContext,
      },
      receiver.socket,
      this.#options.pool,
      {
        pause: () => receiver.pause(),
        resume: () => receiver.resume(),
        breach: () => this.destroy(),
        disconnect: () => this.end(),
        idle: () => this.#becomeIdle(),
      },
    );
    if (rest.length > 0) this.#transmission.received(new ReceivedBytes(rest), 0, rest.length);
  }

  #startTls(): void {
    const { tls } = this.#options;
    const plain = this.#receiver.socket;
    if (!tls) {
      this.destroy();
      return;
    }
    plain.removeAllListeners('data');
    plain.removeAllListeners('end');
    plain.pause();
    // A server of node:tls that never listens, rather than a bare TLSSocket: it is the server that turns away
    // clients whose certificate does not verify.
    const upgrade = process
      .getBuiltinModule('node:tls')
      .createServer({ ...tls, handshakeTimeout: HANDSHAKE_TIMEOUT });
    upgrade.once('tlsClientError', () => this.destroy());
    upgrade.once('secureConnection', (secure) => {
      this.#receiver = receiveEvents(secure, this);
      this.#watch(secure);
      this.#haggling = this.#haggle('active');
    });
    upgrade.emit('connection', plain);
  }

  #watch(socket: Duplex): void {
    // What went wrong with the socket shows as its closing.
    socket.on('error', () => socket.destroy());
    // A client that goes without NBD_CMD_DISC is treated as one that sent it.
    socket.on('end', () => this.end());
    socket.on('close', () => this.#socketClosed());
  }

  #finish(): void {
    if (this.#ending) return;
    this.#ending = true;
    const { socket } = this.#receiver;
    socket.end();
    this.#farewellTimer = setTimeout(() => socket.destroy(), FAREWELL_TIMEOUT);
    this.#farewellTimer.unref();
    socket.once('finish', () => socket.destroy());
  }

  #becomeIdle(): void {
    this.#idle = true;
    if (this.#closed) this.#options.left(this);
    else this.#finish();
  }

  #socketClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#handshakeTimer);
    clearTimeout(this.#farewellTimer);
    if (this.#idle) this.#options.left(this);
    else this.#transmission?.abandon();
  }
}
