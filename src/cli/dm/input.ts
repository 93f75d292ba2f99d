import { closeSync, openSync, read } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../../crypto/secret.ts';
import { fromSystemError } from '../../errors.ts';
import { KIB } from '../../units.ts';
import { refusal } from './failure.ts';

const STDIN = 0;
const FIRST_ROOM = 16 * KIB;
const RETRY_MS = 10;

/** What was read: bytes that may hold keys. The caller disposes of it. */
export interface Input extends Disposable {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Everything in a file, or on standard input.
 *
 * @param file standard input if undefined
 * @throws TscryptError INVALID_ARGUMENT when the file cannot be opened
 */
export async function readInput(file: string | undefined): Promise<Input> {
  if (file === undefined) return readDescriptor(STDIN);
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    throw refusal(`Couldn't open '${file}' for reading.`);
  }
  try {
    return await readDescriptor(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Text from the command line, as if it had been read. */
export function inputOf(text: string): Input {
  const secret = Secret.take(new TextEncoder().encode(text));
  return { bytes: secret.bytes, [Symbol.dispose]: () => secret.dispose() };
}

async function readDescriptor(descriptor: number): Promise<Input> {
  let room = new Secret(FIRST_ROOM);
  try {
    for (let length = 0; ; ) {
      const count = await readSome(descriptor, room.bytes.subarray(length));
      length += count;
      if (count === 0) {
        const whole = room;
        return { bytes: whole.bytes.subarray(0, length), [Symbol.dispose]: () => whole.dispose() };
      }
      if (length === room.length) room = doubled(room);
    }
  } catch (error) {
    room.dispose();
    throw fromSystemError(error, descriptor === STDIN ? 'Read from stdin aborted' : 'Cannot read the table');
  }
}

async function readSome(descriptor: number, into: Uint8Array): Promise<number> {
  for (;;) {
    const result = await new Promise<number | NodeJS.ErrnoException>((resolve) => {
      read(descriptor, into, 0, into.length, null, (error, count) => resolve(error ?? count));
    });
    if (typeof result === 'number') return result;
    if (result.code === 'EOF') return 0;
    if (result.code !== 'EAGAIN') throw result;
    // A non-blocking descriptor shared with another program: wait and ask again.
    await sleep(RETRY_MS);
  }
}

function doubled(room: Secret): Secret {
  const larger = new Secret(room.length * 2);
  larger.bytes.set(room.bytes);
  room.dispose();
  return larger;
}
