import { readSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TscryptError } from '../errors.ts';
import { listenOnUnixSocket, socketDescriptor, type UnixListener } from '../sys/index.ts';
import { mayControl } from './control-server.ts';
import { encodeError } from './error-transfer.ts';
import { encodeFrame, FrameReader, malformedFrame } from './frames.ts';
import { disposeSecrets } from './secret-values.ts';

export interface SecretsRequest {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** How long a client may take to send a request, which it has complete when it connects. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 1;

/**
 * The daemon's socket for what has key material in it: tables to load and to show, messages to targets.
 * One request a connection: a frame `{ method, params }` comes in, a frame `{ result }` or `{ error }` goes
 * out. Node never reads from these connections itself, since its buffers are not wiped: requests are
 * read into the memory that is theirs.
 */
export class SecretsServer {
  readonly #handle: (request: SecretsRequest) => Promise<unknown>;
  readonly #server: Server;
  readonly #answering = new Set<Promise<void>>();
  #listener: UnixListener | undefined;

  /** @param handle answers a request; its secrets, and those of the answer, are disposed of here */
  constructor(handle: (request: SecretsRequest) => Promise<unknown>) {
    this.#handle = handle;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => {
      const answer = this.#accept(socket);
      this.#answering.add(answer);
      void answer.finally(() => this.#answering.delete(answer));
    });
  }

  async listen(path: string): Promise<void> {
    this.#listener = await listenOnUnixSocket(this.#server, path);
  }

  /** Takes no more requests, and sends the answers that are due. */
  async close(): Promise<void> {
    await this.#listener?.unlink();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await Promise.allSettled(this.#answering);
    await closed;
  }

  /** Never rejects. */
  async #accept(socket: Socket): Promise<void> {
    socket.on('error', () => socket.destroy());
    if (!mayControl(socket)) {
      socket.destroy();
      return;
    }
    const reader = new FrameReader();
    const release: (() => void)[] = [() => reader.dispose()];
    let pieces: Uint8Array[];
    try {
      await receive(socket, reader);
      const result = await this.#handle(checked(reader.value));
      release.push(() => disposeSecrets(result));
      pieces = encodeFrame({ result: result ?? null });
    } catch (error) {
      pieces = encodeFrame({ error: encodeError(error) });
    }
    await new Promise<void>((resolve) => {
      if (socket.destroyed) return resolve();
      socket.once('close', () => resolve());
      for (const piece of pieces) socket.write(piece);
      socket.end(() => socket.destroy());
    });
    for (const action of release) action();
  }
}

/** Reads from the descriptor itself: there is no event for it, so what is not there yet is looked for again. */
async function receive(socket: Socket, reader: FrameReader): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let room = reader.room; room; room = reader.room) {
    const fd = socketDescriptor(socket);
    if (fd === undefined || Date.now() > deadline) throw malformedFrame();
    const count = readNow(fd, room);
    if (count === 0) throw malformedFrame();
    if (count === undefined) await sleep(PAUSE_MS);
    else reader.filled(count);
  }
}

/** @returns how many bytes came; 0 at the end; undefined when there are none yet */
function readNow(fd: number, into: Uint8Array): number | undefined {
  try {
    return readSync(fd, into, 0, into.length, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

function checked(value: unknown): SecretsRequest {
  const { method, params } = (value ?? {}) as Partial<SecretsRequest>;
  if (typeof method === 'string' && typeof params === 'object' && params !== null) return { method, params };
  throw new TscryptError('PROTOCOL_ERROR', 'Not a request.');
}
