import net from 'node:net';
import type { Duplex } from 'node:stream';
import { detachDescriptor } from '../../sys/stream-socket.ts';
import { type BufferPool, SLAB_SIZE } from './buffers.ts';

/**
 * Bytes from the socket in a buffer that is used again once nobody needs them any more: whoever keeps a part
 * of it pins it meanwhile.
 */
export class ReceivedBytes {
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly #pool: BufferPool | undefined;
  #pins = 0;
  /** The receiver no longer fills it. */
  #retired = false;

  /** @param pool where the buffer goes at the end; none: it is forgotten */
  constructor(buffer: Buffer, pool?: BufferPool) {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#pool = pool;
  }

  get pinned(): boolean {
    return this.#pins > 0;
  }

  /** Returns how many bytes that keeps from being used again. */
  pin(): number {
    this.#pins += 1;
    return this.buffer.length;
  }

  unpin(): void {
    this.#pins -= 1;
    this.#recycle();
  }

  retire(): void {
    this.#retired = true;
    this.#recycle();
  }

  #recycle(): void {
    if (this.#retired && this.#pins === 0) this.#pool?.give(this.buffer);
  }
}

/** Who gets the bytes of a connection. */
export interface Sink {
  /** Bytes `at` … `end` of the buffer; pin it to keep them. */
  received(bytes: ReceivedBytes, at: number, end: number): void;
  /** A place of the sink's own for the bytes to come; undefined: none in particular. */
  readonly room: Buffer | undefined;
  /** `count` bytes were put into the place that `room` gave. */
  roomReceived(count: number): void;
}

/** The socket of a connection, and how to stop and restart what comes from it. */
export interface Receiver {
  readonly socket: Duplex;
  pause(): void;
  resume(): void;
  /**
   * After `pause`, when all that was written is sent: a descriptor of the connection, which is the caller's to close,
   * and the end of the socket without that of the connection. undefined where there are no foreign functions. Absent:
   * more than the descriptor belongs to the connection.
   */
  detach?(): number | undefined;
}

/** Receives through the socket's own `data` events (every chunk a new buffer). Works on any stream. */
export function receiveEvents(socket: Duplex, sink: Sink): Receiver {
  socket.on('data', (chunk: Buffer) => sink.received(new ReceivedBytes(chunk), 0, chunk.length));
  return { socket, pause: () => socket.pause(), resume: () => socket.resume() };
}

/**
 * Receives into slabs that are used over and over, and into the sink's own room. node:net offers that
 * (`onread`) for sockets one creates, not for those a server accepts; so the accepted socket's handle is given
 * to a socket of our own. Where a version of Node has no such handle, `undefined` is returned.
 */
export function receiveIntoSlabs(accepted: net.Socket, sink: Sink, pool: BufferPool): Receiver | undefined {
  const donor = accepted as unknown as { _handle: { fd?: number } | null };
  const handle = donor._handle;
  if (!handle || typeof (handle as { useUserBuffer?: unknown }).useUserBuffer !== 'function')
    return undefined;
  donor._handle = null;
  accepted.destroy();

  let slab = new ReceivedBytes(pool.take(SLAB_SIZE), pool);
  let inRoom = false;
  let paused = false;
  const next = (): Buffer => {
    const room = sink.room;
    inRoom = room !== undefined;
    if (room) return room;
    if (slab.pinned) {
      slab.retire();
      slab = new ReceivedBytes(pool.take(SLAB_SIZE), pool);
    }
    return slab.buffer;
  };
  const socket = new net.Socket({
    handle,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    onread: {
      buffer: next,
      callback: (count: number): boolean => {
        if (inRoom) sink.roomReceived(count);
        else sink.received(slab, 0, count);
        return !paused;
      },
    },
  } as net.SocketConstructorOpts);
  socket.once('close', () => slab.retire());
  return {
    socket,
    pause: () => {
      paused = true;
      socket.pause();
    },
    resume: () => {
      paused = false;
      socket.resume();
    },
    detach: () => detachDescriptor(socket),
  };
}
