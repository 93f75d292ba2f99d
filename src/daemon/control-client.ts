import { connect } from 'node:net';
import { fromSystemError, TscryptError } from '../errors.ts';
import { decodeError } from './error-transfer.ts';
import { formatLine, parseLine, readLines } from './lines.ts';

/** Nobody listens on the socket: its daemon is not ready yet, already closing, or gone. */
export const NOT_LISTENING = Symbol('not listening');

/**
 * One request to a daemon.
 *
 * @param timeoutMs give up after this long; without it, wait as long as the daemon takes
 * @throws TscryptError what the daemon answered; CONNECTION_LOST when it went away before it did;
 *   PROTOCOL_ERROR; DEVICE_BUSY when the time is up; PERMISSION_DENIED when the device is another user's
 */
export function ask(
  path: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  timeoutMs?: number,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const settle = (action: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      action();
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () =>
              settle(() => reject(new TscryptError('DEVICE_BUSY', `The daemon at ${path} does not answer.`))),
            timeoutMs,
          );
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const absent =
        error.syscall === 'connect' && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED');
      settle(() =>
        absent
          ? resolve(NOT_LISTENING)
          : reject(fromSystemError(error, `Cannot reach the daemon at ${path}`)),
      );
    });
    socket.on('close', () =>
      settle(() => reject(new TscryptError('CONNECTION_LOST', 'The daemon ended before it answered.'))),
    );
    socket.on('connect', () => socket.write(formatLine({ id: 1, method, params })));
    readLines(
      socket,
      (line) =>
        settle(() => {
          try {
            const answer = parseLine(line);
            if (answer.error === undefined) resolve(answer.result);
            else reject(decodeError(answer.error));
          } catch (error) {
            reject(error);
          }
        }),
      () => settle(() => reject(new TscryptError('PROTOCOL_ERROR', 'The daemon answered too much.'))),
    );
  });
}
