import type { Duplex } from 'node:stream';
import { type ErrorCode, fromSystemError, TscryptError } from '../../errors.ts';
import * as nbd from './protocol.ts';
import { type Expected, ReplyError, ReplyParser } from './reply-parser.ts';

interface Pending extends Expected {
  readonly resolve: (status: Buffer | undefined) => void;
  readonly reject: (error: TscryptError) => void;
  status: Buffer | undefined;
  /** The socket has taken all of the request: its data may change. */
  sent: boolean;
  replied: boolean;
}

const FROM_NBD: Readonly<Record<number, { readonly code: ErrorCode; readonly errno: string }>> = {
  [nbd.NBD_EPERM]: { code: 'PERMISSION_DENIED', errno: 'EPERM' },
  [nbd.NBD_EIO]: { code: 'IO_ERROR', errno: 'EIO' },
  [nbd.NBD_ENOMEM]: { code: 'OUT_OF_MEMORY', errno: 'ENOMEM' },
  [nbd.NBD_EINVAL]: { code: 'INVALID_ARGUMENT', errno: 'EINVAL' },
  [nbd.NBD_ENOSPC]: { code: 'NO_SPACE', errno: 'ENOSPC' },
  [nbd.NBD_ENOTSUP]: { code: 'NOT_SUPPORTED', errno: 'EOPNOTSUPP' },
  [nbd.NBD_ESHUTDOWN]: { code: 'CONNECTION_LOST', errno: 'ESHUTDOWN' },
};

/** How long the server may take to close after NBD_CMD_DISC (milliseconds). */
const DISCONNECT_TIMEOUT = 5_000;

/** The transmission phase, client side: any number of requests under way, matched with their replies by cookie. */
export class NbdConnection {
  readonly #name: string;
  readonly #stream: Duplex;
  readonly #parser: ReplyParser;
  readonly #pending = new Map<bigint, Pending>();
  #cookie = 0n;
  #corked = false;
  #lost: TscryptError | undefined;
  readonly #closed: Promise<void>;
  #drained: (() => void) | undefined;

  /** @param rest bytes that came right behind the handshake */
  constructor(name: string, stream: Duplex, structuredReplies: boolean, rest: Buffer) {
    this.#name = name;
    this.#stream = stream;
    this.#parser = new ReplyParser(structuredReplies, {
      expected: (cookie) => {
        const pending = this.#pending.get(cookie);
        return pending?.replied ? undefined : pending;
      },
      blockStatus: (cookie, payload) => {
        const pending = this.#pending.get(cookie);
        if (pending) pending.status = payload;
      },
      done: (cookie) => this.#done(cookie),
    });
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (error) => this.#lose(fromSystemError(error, `Connection to ${name}`)));
    stream.on('end', () => stream.destroy());
    this.#closed = new Promise((resolve) => {
      stream.on('close', () => {
        this.#lose();
        resolve();
      });
    });
    if (rest.length > 0) this.#receive(rest);
    stream.resume();
  }

  /**
   * Sends a request and waits for its reply. Resolves with the payload of a block status, else undefined.
   *
   * @param length of the range; of `data` or `into` where there is one
   * @param data to be written; must not change until the reply is there
   * @throws TscryptError what the server answered, CONNECTION_LOST, PROTOCOL_ERROR
   */
  request(
    type: number,
    flags: number,
    offset: number,
    length: number,
    data?: Uint8Array,
    into?: Uint8Array,
  ): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      const cookie = ++this.#cookie;
      const pending: Pending = {
        type,
        offset,
        ...(into && { into }),
        received: 0,
        error: 0,
        status: undefined,
        sent: !data || data.length === 0,
        replied: false,
        resolve,
        reject,
      };
      this.#pending.set(cookie, pending);
      this.#cork();
      this.#stream.write(requestHeader(type, flags, cookie, offset, length));
      if (!data || pending.sent) return;
      this.#stream.write(data, () => {
        pending.sent = true;
        if (pending.replied) this.#finish(cookie, pending);
      });
    });
  }

  /** Waits for the requests under way, takes leave of the server and closes. */
  async close(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    if (!this.#lost) {
      this.#lost = this.#lostError();
      this.#stream.end(requestHeader(nbd.NBD_CMD_DISC, 0, 0n, 0, 0));
      const timer = setTimeout(() => this.#stream.destroy(), DISCONNECT_TIMEOUT);
      await this.#closed;
      clearTimeout(timer);
    }
    await this.#closed;
  }

  /** Requests issued in one go leave in one write. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#stream.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#stream.uncork();
    });
  }

  #receive(chunk: Buffer): void {
    if (this.#lost && this.#pending.size === 0) return;
    try {
      this.#parser.feed(chunk);
    } catch (error) {
      const why = error instanceof ReplyError ? error.message : String(error);
      this.#lose(
        new TscryptError('PROTOCOL_ERROR', `${this.#name}: the server sent ${why}.`, {
          details: { device: this.#name },
          cause: error,
        }),
      );
      this.#stream.destroy();
    }
  }

  #done(cookie: bigint): void {
    const pending = this.#pending.get(cookie);
    if (!pending) return;
    pending.replied = true;
    // A reply that comes too early, from a server that lies, gives nobody's buffer back: whatever was put
    // into it next, plaintext perhaps, would go out in the place of what is still to be sent.
    if (pending.sent) this.#finish(cookie, pending);
  }

  #finish(cookie: bigint, pending: Pending): void {
    if (!this.#pending.delete(cookie)) return;
    if (pending.error === 0) pending.resolve(pending.status);
    else pending.reject(this.#serverError(pending));
    if (this.#pending.size === 0) this.#drained?.();
  }

  #serverError(pending: Pending): TscryptError {
    // An unexpected value counts as NBD_EINVAL ("Error values").
    const known = FROM_NBD[pending.error] ?? { code: 'INVALID_ARGUMENT', errno: 'EINVAL' };
    return new TscryptError(known.code, `${this.#name}: the server answered ${known.errno}.`, {
      errno: known.errno,
      details: { device: this.#name, offset: pending.offset, nbdError: pending.error },
    });
  }

  /** Fails everything under way, now and in future. */
  #lose(error: TscryptError = this.#lostError()): void {
    this.#lost ??= error;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(this.#lost);
    this.#drained?.();
  }

  #lostError(): TscryptError {
    return new TscryptError('CONNECTION_LOST', `The connection to ${this.#name} is lost.`, {
      details: { device: this.#name },
    });
  }
}

function requestHeader(
  type: number,
  flags: number,
  cookie: bigint,
  offset: number,
  length: number,
): Uint8Array {
  return nbd.Request.encode({
    magic: nbd.NBD_REQUEST_MAGIC,
    flags,
    type,
    cookie,
    offset: BigInt(offset),
    length,
  });
}
