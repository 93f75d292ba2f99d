/**
 * How the exporter of these tests talks to the fake kernel: control connections carry one line of JSON each way; on
 * the connection of a device, requests follow one way and answers the other.
 */
export const REQUEST_SIZE = 24;
export const ANSWER_SIZE = 8;

export type Kind = 'read' | 'write' | 'flush';
const KINDS: readonly Kind[] = ['read', 'write', 'flush'];

export interface Request {
  readonly id: number;
  readonly kind: Kind;
  readonly offset: number;
  readonly length: number;
}

export interface Answer {
  readonly id: number;
  readonly failed: boolean;
}

export function encodeRequest({ id, kind, offset, length }: Request): Buffer {
  const bytes = Buffer.alloc(REQUEST_SIZE);
  bytes.writeUInt32LE(id, 0);
  bytes.writeUInt32LE(KINDS.indexOf(kind), 4);
  bytes.writeDoubleLE(offset, 8);
  bytes.writeUInt32LE(length, 16);
  return bytes;
}

export function decodeRequest(bytes: Buffer): Request {
  return {
    id: bytes.readUInt32LE(0),
    kind: KINDS[bytes.readUInt32LE(4)]!,
    offset: bytes.readDoubleLE(8),
    length: bytes.readUInt32LE(16),
  };
}

export function encodeAnswer({ id, failed }: Answer): Buffer {
  const bytes = Buffer.alloc(ANSWER_SIZE);
  bytes.writeUInt32LE(id, 0);
  bytes.writeUInt32LE(failed ? 1 : 0, 4);
  return bytes;
}

export function decodeAnswer(bytes: Buffer): Answer {
  return { id: bytes.readUInt32LE(0), failed: bytes.readUInt32LE(4) !== 0 };
}

/** Bytes as they come, to be taken in pieces of a known size. */
export class Incoming {
  #bytes = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  /** @returns undefined while there are not as many, or the line is not complete */
  take(count: number | 'line'): Buffer | undefined {
    const end = count === 'line' ? this.#bytes.indexOf('\n') + 1 : count;
    if (count === 'line' ? end === 0 : this.#bytes.length < end) return undefined;
    const taken = Buffer.from(this.#bytes.subarray(0, end));
    this.#bytes = this.#bytes.subarray(end);
    return taken;
  }
}
