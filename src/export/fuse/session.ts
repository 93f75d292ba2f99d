import { close, constants, openSync } from 'node:fs';
import os from 'node:os';
import { promisify } from 'node:util';
import { fromSystemError } from '../../errors.ts';
import { type Libc, libc, type PollHandle, systemError } from '../../sys/index.ts';
import * as fuse from './protocol.ts';
import { CONTROL_SIZE, FuseRequest, type ReplySink } from './request.ts';

/** Serves the requests of a file system; each is answered or dismissed exactly once, now or later. */
export interface FuseServer {
  serve(request: FuseRequest): void;
}

export interface SessionOptions {
  /** Something went wrong that nobody waits for. */
  readonly log: (error: unknown) => void;
}

/** The largest read or write: 256 pages, the most that the kernel makes of one request. */
export const MAX_TRANSFER = 1024 * 1024;
/** Requests under way; further ones wait in the kernel. */
const MAX_REQUESTS = 32;
/** After so many bytes the event loop gets a turn; a request counts as this much beside its data. */
const TURN_BYTES = 4 * 1024 * 1024;
const REQUEST_COST = 1024;

const { EAGAIN, EINTR, ENOENT, ENODEV, ECONNABORTED } = os.constants.errno;

/**
 * A connection with the kernel's side of a FUSE mount. Neither taking a request nor answering one ever waits (both
 * only copy memory), so both happen in the event loop as soon as there is something to take. A ring would bring
 * nothing: the kernel cannot read this device without blocking on its behalf, and would use a thread for it.
 */
export class FuseSession implements ReplySink {
  readonly fd: number;
  /** Settles when the file system is unmounted and nothing uses it any more; rejects when the connection broke. */
  readonly ended: Promise<void>;
  readonly #c: Libc;
  readonly #server: FuseServer;
  readonly #log: (error: unknown) => void;
  readonly #poll: PollHandle;
  readonly #free: FuseRequest[] = [];
  readonly #all: FuseRequest[] = [];
  #scheduled = false;
  #starved = false;
  #closed = false;
  #settle!: { resolve: () => void; reject: (error: unknown) => void };
  #initialised!: () => void;
  /** The kernel has agreed on the protocol. */
  readonly ready: Promise<void>;

  /**
   * @param fd /dev/fuse, open and non-blocking; the session's from now on
   * @throws Error without foreign functions
   */
  constructor(fd: number, server: FuseServer, options: SessionOptions) {
    const c = libc();
    if (!c) throw systemError('fuse', os.constants.errno.ENOTSUP);
    this.#c = c;
    this.fd = fd;
    this.#server = server;
    this.#log = options.log;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ended.catch(() => {});
    this.ready = new Promise((resolve) => {
      this.#initialised = resolve;
    });
    this.#poll = c.poll(fd, { readable: true }, this.#wake);
  }

  /** /dev/fuse for a new session. */
  static open(): number {
    try {
      return openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
    } catch (error) {
      throw fromSystemError(error, 'Cannot open /dev/fuse', { device: '/dev/fuse' });
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Ends the connection: whoever uses the file system gets errors from now on. Requests under way still finish,
   * unanswered.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    for (const request of this.#free.splice(0)) request.release();
    // In the pool: the last reference to the connection ends every request that waits in it.
    await promisify(close)(this.fd).catch(this.#log);
    this.#settle.resolve();
  }

  reply(request: FuseRequest, vectors: number, count: number): void {
    if (!this.#closed && this.#c.writev(this.fd, vectors, count) === -1) {
      const errno = this.#c.errno();
      // The one who asked is gone, or all of it is, which reading will show.
      if (errno !== ENOENT && errno !== ENODEV) this.#log(systemError('write(/dev/fuse)', errno));
    }
    this.dismiss(request);
  }

  dismiss(request: FuseRequest): void {
    if (this.#closed) {
      request.release();
      return;
    }
    this.#free.push(request);
    if (!this.#starved) return;
    this.#starved = false;
    this.#poll.start({ readable: true }, this.#wake);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(this.#receive);
  }

  readonly #wake = (): void => this.#schedule();

  /** Takes requests until there are none, or others in this process should have a turn. */
  readonly #receive = (): void => {
    this.#scheduled = false;
    let turn = 0;
    while (!this.#closed) {
      if (turn >= TURN_BYTES) {
        this.#schedule();
        return;
      }
      const request = this.#free.pop() ?? this.#grow();
      if (!request) {
        this.#starved = true;
        this.#poll.stop();
        return;
      }
      const count = this.#c.readv(this.fd, request.receiveVectors, 2);
      if (count === -1) {
        const errno = this.#c.errno();
        this.#free.push(request);
        // ENOENT: it was taken back while it was being copied.
        if (errno === EINTR || errno === ENOENT) continue;
        if (errno !== EAGAIN) this.#lost(errno);
        return;
      }
      turn += REQUEST_COST + count + (request.opcode === fuse.FUSE_READ ? request.size : 0);
      if (request.opcode === fuse.FUSE_INIT) this.#init(request);
      else this.#server.serve(request);
    }
  };

  #grow(): FuseRequest | undefined {
    if (this.#all.length === MAX_REQUESTS) return undefined;
    const request = new FuseRequest(this, Buffer.allocUnsafeSlow(CONTROL_SIZE), MAX_TRANSFER);
    this.#all.push(request);
    return request;
  }

  /** "FUSE_INIT": both sides say what they can. */
  #init(request: FuseRequest): void {
    const offer = fuse.InitIn.decode(request.body());
    if (
      offer.major !== fuse.FUSE_KERNEL_VERSION ||
      offer.minor < fuse.FUSE_OLDEST_MINOR_VERSION ||
      (offer.flags & fuse.FUSE_BIG_WRITES) === 0
    ) {
      request.done(os.constants.errno.EPROTO);
      return;
    }
    // No write-back cache: what is written is here before the writer goes on, and fsync(2) has nothing to forget.
    const wanted = fuse.FUSE_ASYNC_READ | fuse.FUSE_BIG_WRITES | fuse.FUSE_ASYNC_DIO | fuse.FUSE_MAX_PAGES;
    request.doneWith(
      fuse.InitOut.encode({
        major: fuse.FUSE_KERNEL_VERSION,
        minor: fuse.FUSE_KERNEL_MINOR_VERSION,
        maxReadahead: 0,
        flags: offer.flags & wanted,
        maxBackground: 2 * MAX_REQUESTS,
        congestionThreshold: 2 * MAX_REQUESTS,
        maxWrite: MAX_TRANSFER,
        timeGran: 1,
        maxPages: MAX_TRANSFER / 4096,
        mapAlignment: 0,
        flags2: 0,
        unused: undefined,
      }),
    );
    this.#initialised();
  }

  #lost(errno: number): void {
    const unmounted = errno === ENODEV || errno === ECONNABORTED;
    if (!unmounted) this.#settle.reject(systemError('read(/dev/fuse)', errno));
    this.close().catch(this.#log);
  }
}
