import { type FileHandle, open } from 'node:fs/promises';
import { isatty } from 'node:tty';
import { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import { KIB, MIB } from '../units.ts';

/** Most bytes a key file may have unless a size is asked for (cryptsetup's compiled-in default, 8192 kB). */
export const KEY_FILE_MAX = 8 * MIB;

export interface KeyFileOptions {
  /** Bytes to skip at the start. */
  readonly offset?: number | undefined;
  /** Exactly so many bytes; unless given, all there is. */
  readonly size?: number | undefined;
  /** Read up to the first newline only, which is left out: how a passphrase arrives on standard input. */
  readonly untilNewline?: boolean | undefined;
}

const NEWLINE = 0x0a;

/**
 * Reads a key file into locked memory; its bytes are the passphrase, newlines and NULs included.
 *
 * @param path a path, or `-` for standard input
 * A pipe or device that ends at once is an error, since what should have filled it has failed; an empty regular
 * file is an empty passphrase.
 *
 * @throws TscryptError INVALID_ARGUMENT when the file cannot be opened or read, is too short for `size`,
 *   longer than {@link KEY_FILE_MAX}, or a terminal
 */
export async function readKeyFile(path: string, options: KeyFileOptions = {}): Promise<Secret> {
  const { offset = 0, size } = options;
  if (size !== undefined && size > KEY_FILE_MAX) throw tooLarge(path);
  if (path === '-') return readAll(new InputReader(), path, offset, options, false);
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw failed('Failed to open key file.', path, cause);
  }
  try {
    // It would show what is typed.
    if (isatty(handle.fd)) throw failed('Cannot read keyfile from a terminal.', path);
    const mayBeEmpty = (await handle.stat()).isFile();
    return await readAll(new FileReader(handle), path, offset, options, mayBeEmpty);
  } finally {
    await handle.close();
  }
}

/** Where key bytes come from, in order. */
interface Reader {
  /** Fills part of `into`; the number of bytes, 0 at the end. */
  read(into: Uint8Array): Promise<number>;
}

class FileReader implements Reader {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(into: Uint8Array): Promise<number> {
    return (await this.#handle.read(into, 0, into.length, null)).bytesRead;
  }
}

/** Standard input, read by descriptor, so that nothing beyond what was asked for is taken from a pipe. */
class InputReader implements Reader {
  async read(into: Uint8Array): Promise<number> {
    const { read } = await import('node:fs');
    for (;;) {
      const result = await new Promise<number | NodeJS.ErrnoException>((resolve) => {
        read(0, into, 0, into.length, null, (error, bytes) => resolve(error ?? bytes));
      });
      if (typeof result === 'number') return result;
      if (result.code === 'EOF') return 0;
      if (result.code !== 'EAGAIN') throw result;
      // A non-blocking descriptor shared with another program: wait and ask again.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function readAll(
  reader: Reader,
  path: string,
  offset: number,
  { size, untilNewline = false }: KeyFileOptions,
  mayBeEmpty: boolean,
): Promise<Secret> {
  let room = new Secret(size ?? 4 * KIB);
  let length = 0;
  try {
    await skip(reader, path, offset);
    let ended = false;
    while (!ended && length < (size ?? Number.POSITIVE_INFINITY)) {
      if (length === room.length) room = grown(room, path);
      // A byte at a time where the end is a newline: what follows it on the pipe is not ours.
      const end = untilNewline ? length + 1 : room.length;
      const got = await reader.read(room.bytes.subarray(length, end));
      if (got === 0) break;
      ended = untilNewline && room.bytes[length] === NEWLINE;
      if (!ended) length += got;
    }
    if (!mayBeEmpty && length === 0 && !ended && size !== 0) {
      throw failed('Nothing to read on input.', path, { code: 'ENODATA' });
    }
    if (size !== undefined && length < size && !untilNewline) {
      throw failed('Cannot read requested amount of data.', path);
    }
    if (length > KEY_FILE_MAX) throw tooLarge(path);
    return Secret.copy(room.bytes.subarray(0, length));
  } catch (cause) {
    if (cause instanceof TscryptError) throw cause;
    throw failed('Error reading passphrase.', path, cause);
  } finally {
    room.dispose();
  }
}

async function skip(reader: Reader, path: string, offset: number): Promise<void> {
  if (offset === 0) return;
  using scratch = new Secret(Math.min(offset, 64 * KIB));
  for (let left = offset; left > 0; ) {
    const got = await reader.read(scratch.bytes.subarray(0, Math.min(left, scratch.length)));
    if (got === 0) throw failed('Cannot seek to requested keyfile offset.', path);
    left -= got;
  }
}

function grown(room: Secret, path: string): Secret {
  if (room.length > KEY_FILE_MAX) throw tooLarge(path);
  // One byte above the maximum tells a file of exactly that size from a longer one.
  const next = new Secret(Math.min(room.length * 4, KEY_FILE_MAX + 1));
  next.bytes.set(room.bytes);
  room.dispose();
  return next;
}

function tooLarge(path: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', 'Maximum keyfile size exceeded.', {
    details: { file: path, maximum: KEY_FILE_MAX },
  });
}

function failed(message: string, path: string, cause?: unknown): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', message, {
    details: { file: path },
    errno: (cause as NodeJS.ErrnoException | undefined)?.code ?? 'EINVAL',
    cause,
  });
}
