import { createServer, type Server, type Socket } from 'node:net';
import { TscryptError } from '../errors.ts';
import { ffiAvailable, listenOnUnixSocket, peerCredentials, type UnixListener } from '../sys/index.ts';
import { encodeError } from './error-transfer.ts';
import { formatLine, LONGEST_LINE, parseLine, readLines } from './lines.ts';
import type { Parameters } from './parameters.ts';

export type ControlHandlers = Readonly<Record<string, (parameters: Parameters) => unknown>>;

/**
 * The daemon's control socket: one JSON object a line. Request `{ id, method, params? }`, answer
 * `{ id, result }` or `{ id, error: { code, message, errno, hint?, details? } }`. Requests on one
 * connection may be answered in another order. Whatever comes in, the answer is a line, never a crash.
 */
export class ControlServer {
  readonly #handlers: ControlHandlers;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #listener: UnixListener | undefined;
  readonly #answering = new Set<Promise<void>>();

  constructor(handlers: ControlHandlers) {
    this.#handlers = handlers;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** @throws TscryptError DEVICE_BUSY, PERMISSION_DENIED … when the socket cannot be made */
  async listen(path: string): Promise<void> {
    this.#listener = await listenOnUnixSocket(this.#server, path);
  }

  /** Takes no more requests, sends the answers that are due, and hangs up. */
  async close(): Promise<void> {
    await this.#listener?.unlink();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await Promise.allSettled(this.#answering);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    // A peer that hangs up early is its own affair.
    socket.on('error', () => socket.destroy());
    if (!mayControl(socket)) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    readLines(
      socket,
      (line) => this.#track(this.#answer(socket, line)),
      () => {
        const error = new TscryptError('PROTOCOL_ERROR', `A line may have ${LONGEST_LINE} bytes at most.`);
        socket.end(formatLine({ id: null, error: encodeError(error) }));
      },
    );
  }

  #track(answer: Promise<void>): void {
    this.#answering.add(answer);
    void answer.finally(() => this.#answering.delete(answer));
  }

  /** Never rejects. */
  async #answer(socket: Socket, line: string): Promise<void> {
    let id: unknown = null;
    let reply: string;
    try {
      const request = parseLine(line);
      if (typeof request.id === 'number' || typeof request.id === 'string') id = request.id;
      const result = await this.#handle(request);
      reply = formatLine({ id, result: result ?? null });
    } catch (error) {
      reply = formatLine({ id, error: encodeError(error) });
    }
    await new Promise<void>((resolve) => {
      socket.once('close', resolve);
      socket.write(reply, () => {
        socket.off('close', resolve);
        resolve();
      });
    });
  }

  #handle(request: Record<string, unknown>): unknown {
    const { method, params = {} } = request;
    if (typeof method !== 'string' || !Object.hasOwn(this.#handlers, method))
      throw new TscryptError('NOT_SUPPORTED', 'Unknown method.', { details: { field: 'method' } });
    if (typeof params !== 'object' || params === null || Array.isArray(params))
      throw new TscryptError('INVALID_ARGUMENT', 'Parameters must be an object.', {
        details: { field: 'params' },
      });
    return this.#handlers[method]?.(params as Parameters);
  }
}

/** The owner and root only. Where the kernel cannot be asked, the socket's mode has to do. */
export function mayControl(socket: Socket): boolean {
  const peer = peerCredentials(socket);
  if (!peer) return !ffiAvailable();
  return peer.uid === 0 || peer.uid === process.geteuid?.();
}
