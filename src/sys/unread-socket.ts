import { closeSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { libc, type PollHandle, systemError } from './ffi.ts';
import { socketDescriptor } from './peer.ts';

const F_DUPFD_CLOEXEC = 1030;
/** How often a descriptor is looked at where the event loop cannot be asked. */
const PAUSE_MS = 5;

/**
 * Reads what arrives at a connected, paused socket without Node's buffers, which are not wiped: straight into
 * memory of the caller's. Node goes on to write to the socket.
 */
export class UnreadSocket {
  readonly #fd: number;
  readonly #close: () => void;

  /** @param wake called when there may be something to read; for as long as that is so, again and again */
  constructor(socket: Socket, wake: () => void) {
    const fd = socketDescriptor(socket);
    if (fd === undefined) throw systemError('read', EBADF);
    const c = libc();
    if (!c) {
      const timer = setInterval(wake, PAUSE_MS);
      this.#fd = fd;
      this.#close = () => clearInterval(timer);
      return;
    }
    // The event loop watches a descriptor once only, and Node does so to write.
    const own = c.fcntlInt(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) throw systemError('fcntl', c.errno());
    const handle: PollHandle = c.poll(own, { readable: true }, () => setImmediate(wake));
    this.#fd = own;
    this.#close = () => {
      handle.close();
      closeSync(own);
    };
  }

  /** @returns how many bytes came; 0 at the end; undefined when there are none yet */
  read(into: Uint8Array): number | undefined {
    try {
      return readSync(this.#fd, into, 0, into.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
      throw error;
    }
  }

  close(): void {
    this.#close();
  }
}

const EBADF = 9;
