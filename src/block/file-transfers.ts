import { fdatasync, read as fsRead, write as fsWrite } from 'node:fs';
import { fromSystemError, TscryptError } from '../errors.ts';
import type { Requests } from './requests.ts';

/** How a file's requests are carried out where they may have to wait: all in full, or with an error. */
export interface FileTransfers {
  /** {@link write} can be `stable`. */
  readonly writesStably: boolean;
  /** @param done bytes of `into` that are filled already */
  read(offset: number, into: Uint8Array, done: number): Promise<void>;
  /**
   * @param done bytes of `from` that are written already
   * @param stable on stable storage when it completes
   */
  write(offset: number, from: Uint8Array, done: number, stable: boolean): Promise<void>;
  /** fdatasync(2). */
  sync(): Promise<void>;
}

/** Longest request served inline; copying more would hold up everything else. */
export const INLINE_MAX = 1024 * 1024;

/** What the ways to reach an open file share. */
export interface FileContext {
  readonly fd: number;
  readonly name: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  /** Counts whatever completes later. */
  readonly requests: Requests;
}

export function fileFailure(
  file: FileContext,
  error: unknown,
  operation: string,
  offset: number,
): TscryptError {
  return fromSystemError(error, `Cannot ${operation} ${file.name} at ${offset}`, {
    device: file.name,
    offset,
  });
}

/** Reading gave nothing although there was something when the file was opened. */
export function truncated(file: FileContext, offset: number): TscryptError {
  return new TscryptError('IO_ERROR', `${file.name} ends at ${offset}, before its size when opened.`, {
    details: { device: file.name, offset, size: file.size },
  });
}

/** Through the thread pool, as Node does it. */
export class PoolTransfers implements FileTransfers {
  readonly writesStably = false;
  readonly #file: FileContext;

  constructor(file: FileContext) {
    this.#file = file;
  }

  read(offset: number, into: Uint8Array, done: number): Promise<void> {
    const file = this.#file;
    return file.requests.track(
      new Promise((resolve, reject) => {
        const step = (got: number): void => {
          fsRead(file.fd, into, got, into.length - got, offset + got, (error, count) => {
            if (error) reject(fileFailure(file, error, 'read', offset));
            else if (got + count >= into.length) resolve();
            else if (count === 0) reject(truncated(file, offset + got));
            else step(got + count);
          });
        };
        step(done);
      }),
    );
  }

  write(offset: number, from: Uint8Array, done: number): Promise<void> {
    const file = this.#file;
    return file.requests.track(
      new Promise((resolve, reject) => {
        const step = (put: number): void => {
          fsWrite(file.fd, from, put, from.length - put, offset + put, (error, count) => {
            if (error) reject(fileFailure(file, error, 'write', offset));
            else if (put + count >= from.length) resolve();
            else step(put + count);
          });
        };
        step(done);
      }),
    );
  }

  sync(): Promise<void> {
    const file = this.#file;
    return new Promise((resolve, reject) => {
      fdatasync(file.fd, (error) => (error ? reject(fileFailure(file, error, 'flush', 0)) : resolve()));
    });
  }
}
