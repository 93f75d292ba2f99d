import { closeSync } from 'node:fs';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import type { QueueRun } from '../queue-threads.ts';
import type { BufferPool } from './buffers.ts';
import { isReadOnly, type NbdExport } from './export.ts';
import { Haggling, type Outcome } from './haggling.ts';
import { FAREWELL_TIMEOUT } from './limits.ts';
import { ReceivedBytes, type Receiver, receiveEvents, receiveIntoSlabs, type Sink } from './receiver.ts';
import type { RuleOptions } from './request-rules.ts';
import type { NbdConnectionParameters } from './socket/job.ts';
import { Transmission } from './transmission.ts';

export interface ConnectionOptions {
  readonly exports: ReadonlyMap<string, NbdExport>;
  readonly pool: BufferPool;
  /** With it the client must start TLS before anything else. */
  readonly tls?: TlsOptions;
  readonly closing: () => boolean;
  /** Serves the transmission phase over the connection's descriptor; absent: over Node's streams. */
  readonly serve?: (entry: NbdExport, parameters: NbdConnectionParameters) => Promise<QueueRun>;
  /** Serving broke, and with it the connection. */
  readonly failed: (error: unknown) => void;
  /** An export was chosen. */
  readonly entered: (connection: Connection) => void;
  /** Everything is over: no request is under way, the socket is closed. */
  readonly left: (connection: Connection) => void;
}

// Implementation limits.

/** A client that has not chosen an export after so long is dropped (milliseconds). */
const HANDSHAKE_TIMEOUT = 30_000;

type Transmitting = Extract<Outcome, { next: 'transmission' }>;

/** One client, from its first byte to its last. */
export class Connection implements Sink {
  readonly #options: ConnectionOptions;
  #receiver: Receiver;
  #haggling: Haggling | undefined;
  #transmission: Transmission | undefined;
  /** The transmission phase, once it has gone over to the descriptor. */
  #run: QueueRun | undefined;
  #detached = false;
  /** Bytes received while it does so. */
  #rest: Buffer | undefined;
  /** Writes of the handshake that are not done. */
  #unwritten = 0;
  /** Called when there are none. */
  #written: () => void = () => {};
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
    if (this.#detached) {
      this.#ending = true;
      void this.#run?.stop();
    } else if (this.#transmission) this.#transmission.drain();
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
    if (this.#rest) {
      this.#rest = Buffer.concat([this.#rest, bytes.buffer.subarray(at, end)]);
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
      write: (bytes) => {
        this.#unwritten += 1;
        this.#receiver.socket.write(bytes, () => {
          this.#unwritten -= 1;
          if (this.#unwritten === 0) this.#written();
        });
      },
    });
  }

  #proceed(outcome: Outcome, rest: Buffer): void {
    this.#haggling = undefined;
    if (outcome.next === 'transmission') this.#enter(outcome, rest);
    else if (outcome.next === 'tls') this.#startTls();
    else if (outcome.abrupt) this.destroy();
    else this.#finish();
  }

  #enter(outcome: Transmitting, rest: Buffer): void {
    clearTimeout(this.#handshakeTimer);
    this.#entry = outcome.entry;
    this.#options.entered(this);
    if (!this.#options.serve || !this.#receiver.detach) {
      this.#transmit(outcome, rest);
      return;
    }
    this.#receiver.pause();
    this.#rest = Buffer.from(rest);
    setImmediate(() => this.#detach(outcome));
  }

  /** Goes on over Node's stream. */
  #transmit(outcome: Transmitting, rest: Buffer): void {
    this.#idle = false;
    const receiver = this.#receiver;
    this.#transmission = new Transmission(
      outcome.entry.device,
      rules(outcome),
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

  /** Goes on over the descriptor, when the handshake's last reply is sent. */
  #detach(outcome: Transmitting): void {
    if (this.#closed || this.#ending) return;
    if (this.#unwritten > 0) {
      this.#written = () => this.#detach(outcome);
      return;
    }
    this.#written = () => {};
    const rest = this.#rest ?? Buffer.alloc(0);
    this.#rest = undefined;
    const fd = this.#receiver.detach?.();
    if (fd === undefined) {
      this.#transmit(outcome, rest);
      this.#receiver.resume();
      return;
    }
    this.#detached = true;
    this.#serve(outcome, fd, rest)
      .catch(this.#options.failed)
      .finally(() => {
        closeSync(fd);
        this.#options.left(this);
      });
  }

  async #serve(outcome: Transmitting, fd: number, received: Buffer): Promise<void> {
    const { entry } = outcome;
    const run = await this.#options.serve?.(entry, { fd, ...rules(outcome), received });
    this.#run = run;
    // Told to end while that began.
    if (this.#ending) void run?.stop();
    await run?.ended;
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
    if (this.#closed || this.#detached) return;
    this.#closed = true;
    clearTimeout(this.#handshakeTimer);
    clearTimeout(this.#farewellTimer);
    if (this.#idle) this.#options.left(this);
    else this.#transmission?.abandon();
  }
}

function rules({ entry, structuredReplies, allocationContext }: Transmitting): RuleOptions {
  return { readOnly: isReadOnly(entry), structuredReplies, allocationContext };
}
