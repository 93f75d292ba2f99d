import { connect } from 'node:net';
import { Secret } from '../crypto/secret.ts';
import { fromSystemError, TscryptError } from '../errors.ts';
import { NOT_LISTENING } from './control-client.ts';
import { decodeError } from './error-transfer.ts';
import { encodeFrame, FrameReader } from './frames.ts';

const BUFFER_SIZE = 64 * 1024;

/**
 * One request with key material in it, or in its answer, to a daemon's {@link SecretsServer}.
 *
 * @param params may hold secrets, which stay the caller's
 * @returns the answer; secrets in it are the caller's; {@link NOT_LISTENING} when nobody is there
 * @throws TscryptError what the daemon answered; CONNECTION_LOST when it went away before it did
 */
export function askWithSecrets(
  path: string,
  method: string,
  params: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader();
    // What arrives passes through memory of a secret's kind, not through buffers of Node's.
    const buffer = new Secret(BUFFER_SIZE);
    const settle = (action: () => void): void => {
      socket.destroy();
      buffer.dispose();
      action();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        reader.dispose();
        reject(error);
      });
    let over = false;
    const once = (action: () => void): void => {
      if (over) return;
      over = true;
      action();
    };
    const receive = (count: number, bytes: Uint8Array): boolean => {
      if (over) return false;
      try {
        pour(bytes.subarray(0, count), reader);
      } catch (error) {
        once(() => fail(error));
        return false;
      }
      bytes.fill(0, 0, count);
      if (reader.room === undefined) once(() => answer(reader.value, settle, resolve, fail));
      return true;
    };
    const socket = connect({ path, onread: { buffer: buffer.bytes, callback: receive } });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      once(() => {
        const absent =
          error.syscall === 'connect' && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED');
        if (absent) settle(() => resolve(NOT_LISTENING));
        else fail(fromSystemError(error, `Cannot reach the daemon at ${path}`));
      }),
    );
    socket.on('close', () =>
      once(() => fail(new TscryptError('CONNECTION_LOST', 'The daemon ended before it answered.'))),
    );
    socket.on('connect', () => {
      for (const piece of encodeFrame({ method, params })) socket.write(piece);
    });
  });
}

function pour(bytes: Uint8Array, reader: FrameReader): void {
  for (let at = 0; at < bytes.length; ) {
    const { room } = reader;
    if (!room) throw new TscryptError('PROTOCOL_ERROR', 'The daemon answered too much.');
    const part = bytes.subarray(at, at + room.length);
    room.set(part);
    reader.filled(part.length);
    at += part.length;
  }
}

function answer(
  value: unknown,
  settle: (action: () => void) => void,
  resolve: (result: unknown) => void,
  fail: (error: unknown) => void,
): void {
  const { result, error } = (value ?? {}) as { result?: unknown; error?: unknown };
  if (error === undefined) settle(() => resolve(result));
  else fail(decodeError(error));
}
