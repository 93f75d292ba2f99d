import { Socket } from 'node:net';
import { encodeError } from './error-transfer.ts';
import { formatLine } from './lines.ts';
import type { DeviceInfo } from './request.ts';

/**
 * The daemon's end of the socket pair it shares with its launcher, after the request was read: one line
 * goes out (`{ ready }` or `{ error }`), one byte comes back for `ready`. A launcher that goes away before
 * that has given up.
 */
export class LauncherChannel {
  readonly #socket: Socket;
  #done = false;
  #confirmed: () => void = () => {};

  /** @param onGivenUp the launcher ended, or asked for no more, before it knew of the device */
  constructor(fd: number, onGivenUp: () => void) {
    this.#socket = new Socket({ fd, readable: true, writable: true });
    const gone = (): void => {
      if (this.#done) return;
      this.#done = true;
      onGivenUp();
    };
    this.#socket.on('error', gone);
    this.#socket.on('close', gone);
    this.#socket.on('end', gone);
    this.#socket.once('data', () => {
      if (this.#done) return;
      this.#done = true;
      this.#socket.destroy();
      this.#confirmed();
    });
  }

  /** Reports the device and returns once the launcher knows; never, if it has gone. */
  ready(info: DeviceInfo): Promise<void> {
    return new Promise((resolve) => {
      this.#confirmed = resolve;
      this.#socket.write(formatLine({ ready: info }));
    });
  }

  /** Reports why there is no device. */
  failed(error: unknown): Promise<void> {
    this.#done = true;
    if (this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once('close', resolve);
      this.#socket.end(formatLine({ error: encodeError(error) }), () => this.#socket.destroy());
    });
  }
}
