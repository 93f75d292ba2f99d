import type { Socket } from 'node:net';
import { TscryptError } from '../errors.ts';
import { UnreadSocket } from '../sys/index.ts';
import { encodeFrame, FrameReader } from './frames.ts';

const NOTHING = Buffer.alloc(0);

export interface FrameConnectionEvents {
  /** A frame came. Its secrets are the receiver's. */
  readonly onFrame: (value: unknown) => void;
  /** The other side has gone, or this one has closed the connection. Called once. */
  readonly onEnd: () => void;
}

/**
 * A connection over which frames go to and fro for as long as both sides live. What arrives is read straight into
 * the memory that it belongs in.
 */
export class FrameConnection {
  readonly #socket: Socket;
  readonly #events: FrameConnectionEvents;
  #input: UnreadSocket | undefined;
  #reader = new FrameReader();

  /** @param socket connected, paused, and never read before */
  constructor(socket: Socket, events: FrameConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#ended());
    this.#input = new UnreadSocket(socket, () => this.#receive());
  }

  /**
   * Returns when the kernel has the whole frame: its secrets may go then.
   *
   * @throws TscryptError CONNECTION_LOST
   */
  async send(value: unknown): Promise<void> {
    const socket = this.#socket;
    await new Promise<void>((resolve, reject) => {
      const lost = (): void => reject(connectionLost());
      if (socket.destroyed) return lost();
      socket.once('close', lost);
      socket.cork();
      for (const piece of encodeFrame(value)) socket.write(piece);
      socket.write(NOTHING, (error) => {
        socket.off('close', lost);
        if (error) lost();
        else resolve();
      });
      socket.uncork();
    });
  }

  close(): void {
    // A socket that is destroyed tells later; nothing more is to be taken from it.
    this.#input?.close();
    this.#input = undefined;
    this.#socket.destroy();
  }

  #receive(): void {
    while (this.#input) {
      const { room } = this.#reader;
      if (room) {
        if (!this.#fill(this.#input, room)) return;
        continue;
      }
      const { value } = this.#reader;
      this.#reader = new FrameReader();
      this.#events.onFrame(value);
    }
  }

  /** @returns whether there may be more */
  #fill(input: UnreadSocket, room: Uint8Array): boolean {
    try {
      const count = input.read(room);
      if (count === undefined) return false;
      if (count > 0) this.#reader.filled(count);
      else this.close();
      return count > 0;
    } catch {
      // Whoever sends what is no frame is not to be talked to.
      this.close();
      return false;
    }
  }

  #ended(): void {
    this.#input?.close();
    this.#input = undefined;
    this.#reader.dispose();
    this.#events.onEnd();
  }
}

export function connectionLost(): TscryptError {
  return new TscryptError('CONNECTION_LOST', 'The other process went away.');
}
