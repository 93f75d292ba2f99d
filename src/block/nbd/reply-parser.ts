import * as nbd from './protocol.ts';

/** What a reply is about, as the client that sent the request remembers it. */
export interface Expected {
  readonly type: number;
  /** Of a read: where the data belongs, and where the request started. */
  readonly into?: Uint8Array;
  readonly offset: number;
  /** Bytes of the read that have come. */
  received: number;
  /** The first error the reply told of; NBD error value. */
  error: number;
}

export interface ReplyHandler {
  /** The request with this cookie; undefined: there is none under way. */
  expected(cookie: bigint): Expected | undefined;
  /** Payload of NBD_REPLY_TYPE_BLOCK_STATUS. */
  blockStatus(cookie: bigint, payload: Buffer): void;
  /** The reply is complete; its error is in the expected reply. */
  done(cookie: bigint): void;
}

interface DataOnItsWay {
  readonly into: Uint8Array;
  at: number;
  readonly end: number;
}

/** A breach of the protocol by the server; the connection is of no more use. */
export class ReplyError extends Error {}

/** Longest payload of a chunk that is no data: 64 Ki block status descriptors. */
const MAX_GATHERED = 4 + 65536 * 8;
const OFFSET = nbd.OFFSET_DATA_PREFIX;

/**
 * Takes the server's replies of the transmission phase apart, however they are cut into pieces, and puts data
 * right where it belongs.
 */
export class ReplyParser {
  readonly #structured: boolean;
  readonly #handler: ReplyHandler;
  /** The part of a header, or of a payload that must be seen as a whole, that has come. */
  #gathered: Buffer = Buffer.alloc(0);
  #needed = 4;
  #next: (bytes: Buffer) => void = (bytes) => this.#magic(bytes);
  /** Data on its way to where it belongs. */
  #data: DataOnItsWay | undefined;
  #afterData: () => void = () => {};

  constructor(structuredReplies: boolean, handler: ReplyHandler) {
    this.#structured = structuredReplies;
    this.#handler = handler;
  }

  /** @throws ReplyError */
  feed(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#data) {
        at += this.#takeData(this.#data, chunk.subarray(at));
        continue;
      }
      const missing = this.#needed - this.#gathered.length;
      const part = chunk.subarray(at, at + missing);
      at += part.length;
      this.#gathered = this.#gathered.length === 0 ? part : Buffer.concat([this.#gathered, part]);
      if (this.#gathered.length < this.#needed) {
        // The chunk belongs to the stream: only what is kept is copied.
        this.#gathered = Buffer.from(this.#gathered);
        return;
      }
      this.#next(this.#gathered);
    }
  }

  #gather(length: number, next: (bytes: Buffer) => void): void {
    this.#gathered = Buffer.alloc(0);
    this.#needed = length;
    this.#next = next;
  }

  #restart(): void {
    this.#gather(4, (bytes) => this.#magic(bytes));
  }

  #magic(bytes: Buffer): void {
    const magic = bytes.readUInt32BE(0);
    if (magic === nbd.NBD_SIMPLE_REPLY_MAGIC)
      this.#needMore(nbd.SimpleReply.size, (all) => this.#simple(all));
    else if (magic === nbd.NBD_STRUCTURED_REPLY_MAGIC && this.#structured) {
      this.#needMore(nbd.StructuredReply.size, (all) => this.#chunk(all));
    } else throw new ReplyError('a reply with a wrong magic number');
  }

  /** Goes on gathering behind what is there. */
  #needMore(length: number, next: (bytes: Buffer) => void): void {
    this.#needed = length;
    this.#next = next;
  }

  #simple(bytes: Buffer): void {
    const { error, cookie } = nbd.SimpleReply.decode(bytes);
    const expected = this.#expected(cookie);
    expected.error ||= error;
    if (expected.type === nbd.NBD_CMD_BLOCK_STATUS && error === 0) throw new ReplyError('no block status');
    if (!expected.into) {
      this.#finish(cookie);
      return;
    }
    if (this.#structured) throw new ReplyError('a simple reply to a read');
    if (error !== 0) {
      this.#finish(cookie);
      return;
    }
    this.#receive(expected, 0, expected.into.length, () => this.#finish(cookie));
  }

  #chunk(bytes: Buffer): void {
    const { flags, type, cookie, length } = nbd.StructuredReply.decode(bytes);
    const expected = this.#expected(cookie);
    const done = (flags & nbd.NBD_REPLY_FLAG_DONE) !== 0;
    const after = (): void => (done ? this.#finish(cookie) : this.#restart());
    if (type === nbd.NBD_REPLY_TYPE_NONE) {
      if (length !== 0 || !done) throw new ReplyError('a broken empty chunk');
      after();
    } else if (type === nbd.NBD_REPLY_TYPE_OFFSET_DATA) {
      if (length <= OFFSET) throw new ReplyError('a broken data chunk');
      this.#gather(OFFSET, (prefix) => {
        const start = relative(expected, prefix.readBigUInt64BE(0), length - OFFSET);
        this.#receive(expected, start, length - OFFSET, after);
      });
    } else if (length > MAX_GATHERED) {
      throw new ReplyError('an oversized chunk');
    } else if (length === 0) {
      throw new ReplyError('a chunk without its payload');
    } else {
      this.#gather(length, (payload) => {
        this.#payload(type, cookie, expected, payload);
        after();
      });
    }
  }

  #payload(type: number, cookie: bigint, expected: Expected, payload: Buffer): void {
    if (type === nbd.NBD_REPLY_TYPE_OFFSET_HOLE) {
      if (payload.length !== nbd.OffsetHole.size) throw new ReplyError('a broken hole chunk');
      const size = payload.readUInt32BE(8);
      const start = relative(expected, payload.readBigUInt64BE(0), size);
      expected.into?.fill(0, start, start + size);
      expected.received += size;
    } else if (type === nbd.NBD_REPLY_TYPE_BLOCK_STATUS) {
      if (expected.type !== nbd.NBD_CMD_BLOCK_STATUS) throw new ReplyError('block status nobody asked for');
      if (payload.length < 12 || payload.length % 8 !== 4) throw new ReplyError('broken block status');
      this.#handler.blockStatus(cookie, payload);
    } else if ((type & nbd.NBD_REPLY_TYPE_FLAG_ERROR) !== 0) {
      const { size } = nbd.ErrorChunk;
      if (payload.length < size || payload.readUInt16BE(4) > payload.length - size) {
        throw new ReplyError('a broken error chunk');
      }
      expected.error ||= payload.readUInt32BE(0) || nbd.NBD_EIO;
    } else {
      throw new ReplyError('a chunk of unknown type');
    }
  }

  #expected(cookie: bigint): Expected {
    const expected = this.#handler.expected(cookie);
    if (!expected) throw new ReplyError('a reply to a request nobody sent');
    return expected;
  }

  #receive(expected: Expected, start: number, length: number, after: () => void): void {
    const { into } = expected;
    if (!into) throw new ReplyError('data nobody asked for');
    expected.received += length;
    this.#gathered = Buffer.alloc(0);
    if (length === 0) {
      after();
      return;
    }
    this.#data = { into, at: start, end: start + length };
    this.#afterData = after;
  }

  #takeData(data: DataOnItsWay, chunk: Buffer): number {
    const part = chunk.subarray(0, data.end - data.at);
    data.into.set(part, data.at);
    data.at += part.length;
    if (data.at === data.end) {
      this.#data = undefined;
      this.#afterData();
    }
    return part.length;
  }

  #finish(cookie: bigint): void {
    const expected = this.#expected(cookie);
    if (expected.into && expected.error === 0 && expected.received !== expected.into.length) {
      throw new ReplyError('less or more data than asked for');
    }
    this.#restart();
    this.#handler.done(cookie);
  }
}

/** Where a content chunk lies in the buffer of its read. */
function relative(expected: Expected, offset: bigint, length: number): number {
  const start = Number(offset - BigInt(expected.offset));
  if (!expected.into || start < 0 || length === 0 || start + length > expected.into.length) {
    throw new ReplyError('data outside the range asked for');
  }
  return start;
}
