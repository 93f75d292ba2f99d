import { arena } from '../../arena.ts';
import { addressOf } from '../../sys/index.ts';
import * as fuse from './protocol.ts';

/** Bytes of the headers that are received apart from what follows them. */
const HEAD_SIZE = fuse.InHeader.size + fuse.TransferIn.size;

/** Where an answer goes. */
export interface ReplySink {
  /**
   * @param vectors address of the iovecs of the whole answer
   * @param count how many
   */
  reply(request: FuseRequest, vectors: number, count: number): void;
  /** Nothing is answered; the request's memory may be used again. */
  dismiss(request: FuseRequest): void;
}

/** Who answers a request that the device did not finish inline. */
export interface Finisher {
  /** @param error what the device threw; undefined: it is done */
  finished(request: FuseRequest, error: unknown): void;
}

// One request's control block: what the kernel reads and writes besides the payload.
const HEAD_AT = 0;
const OUT_AT = 128;
const RECEIVE_AT = 384;
const REPLY_AT = 416;
export const CONTROL_SIZE = 512;
const OUT_ROOM = RECEIVE_AT - OUT_AT;
const OUT_HEADER = fuse.OutHeader.size;

const IN = fuse.InHeader.offsetOf;
const TRANSFER = fuse.TransferIn.offsetOf;
const OUT = fuse.OutHeader.offsetOf;
const word = (offset: number): number => offset >> 2;
const transfer = (offset: number): number => word(fuse.InHeader.size + offset);

const LEN = word(IN.len);
const OPCODE = word(IN.opcode);
const UNIQUE = word(IN.unique);
const NODE = word(IN.nodeid);
const OFFSET = transfer(TRANSFER.offset);
const SIZE = transfer(TRANSFER.size);
const FLAGS = transfer(TRANSFER.flags);
const OUT_LEN = word(OUT_AT + OUT.len);
const OUT_ERROR = word(OUT_AT + OUT.error);
const OUT_UNIQUE = word(OUT_AT + OUT.unique);
const WRITTEN = word(OUT_AT + OUT_HEADER + fuse.WriteOut.offsetOf.size);
const PAYLOAD_LENGTH = word(REPLY_AT + 24);
const OUT_LENGTH = word(REPLY_AT + 8);

/**
 * One request of the kernel, from being received to being answered, in memory that is used for one after the other:
 * the payload is page-aligned and holds what a write brings and what a read gives.
 */
export class FuseRequest {
  /** For readv(2): the headers, then the payload. */
  readonly receiveVectors: number;
  readonly payload: Buffer;
  /** Bytes of the payload that are served; for whoever serves them. */
  length = 0;
  readonly #sink: ReplySink;
  readonly #control: Uint32Array;
  readonly #bytes: Buffer;
  readonly #replyVectors: number;
  #view: Buffer;
  #finisher: Finisher | undefined;
  // Made once, so that waiting takes no closure per request.
  readonly #resolved = (): void => this.#finish(undefined);
  readonly #rejected = (error: unknown): void => this.#finish(error ?? new Error('rejected'));

  /** @param control {@link CONTROL_SIZE} bytes that never move */
  constructor(sink: ReplySink, control: Buffer, payloadSize: number) {
    this.#sink = sink;
    this.#bytes = control;
    this.#control = new Uint32Array(control.buffer, control.byteOffset, CONTROL_SIZE / 4);
    this.payload = takePages(payloadSize);
    this.#view = this.payload;
    const address = addressOf(control);
    this.receiveVectors = address + RECEIVE_AT;
    this.#replyVectors = address + REPLY_AT;
    const payload = addressOf(this.payload);
    this.#vector(RECEIVE_AT, address + HEAD_AT, HEAD_SIZE);
    this.#vector(RECEIVE_AT + 16, payload, payloadSize);
    this.#vector(REPLY_AT, address + OUT_AT, OUT_HEADER);
    this.#vector(REPLY_AT + 16, payload, 0);
  }

  get opcode(): number {
    return this.#word(OPCODE);
  }

  get node(): number {
    return this.#number(NODE);
  }

  /** Of a read or write: bytes. Not exact above 2^53, which is past every end. */
  get offset(): number {
    return this.#number(OFFSET);
  }

  get size(): number {
    return this.#word(SIZE);
  }

  /** Of a read or write: what the file was opened with. */
  get flags(): number {
    return this.#word(FLAGS);
  }

  /** The first bytes of the payload, for data. */
  data(length: number): Buffer {
    if (this.#view.length !== length) this.#view = this.payload.subarray(0, length);
    return this.#view;
  }

  /** What follows the header, in one piece; for requests that are rare. */
  body(): Buffer {
    const length = this.#word(LEN);
    const head = this.#bytes.subarray(fuse.InHeader.size, Math.min(length, HEAD_SIZE));
    return Buffer.concat([head, this.payload.subarray(0, Math.max(0, length - HEAD_SIZE))]);
  }

  /** Hands the request to `finisher` when `done` is settled. */
  finishLater(done: Promise<void>, finisher: Finisher): void {
    this.#finisher = finisher;
    done.then(this.#resolved, this.#rejected);
  }

  /** @param errno 0: done */
  done(errno: number): void {
    this.#answer(errno, 0, 0);
  }

  /** The first `length` bytes of the payload are what was read. */
  doneReading(length: number): void {
    this.#answer(0, 0, length);
  }

  doneWriting(length: number): void {
    this.#control[WRITTEN] = length;
    this.#control[WRITTEN + 1] = 0;
    this.#answer(0, fuse.WriteOut.size, 0);
  }

  /** @param bytes a structure of the protocol */
  doneWith(bytes: Uint8Array): void {
    if (bytes.length > OUT_ROOM - OUT_HEADER) {
      this.payload.set(bytes);
      this.doneReading(bytes.length);
      return;
    }
    this.#bytes.set(bytes, OUT_AT + OUT_HEADER);
    this.#answer(0, bytes.length, 0);
  }

  /** For requests that want no answer. */
  dismiss(): void {
    this.#sink.dismiss(this);
  }

  /** Gives the memory back. Nothing may be under way. */
  release(): void {
    const memory = arena();
    if (memory?.holds(this.payload)) memory.give(this.payload);
  }

  #finish(error: unknown): void {
    const finisher = this.#finisher;
    this.#finisher = undefined;
    finisher?.finished(this, error);
  }

  #answer(errno: number, structure: number, payload: number): void {
    const words = this.#control;
    words[OUT_LEN] = OUT_HEADER + structure + payload;
    words[OUT_ERROR] = -errno;
    words[OUT_UNIQUE] = this.#word(UNIQUE);
    words[OUT_UNIQUE + 1] = this.#word(UNIQUE + 1);
    words[OUT_LENGTH] = OUT_HEADER + structure;
    words[PAYLOAD_LENGTH] = payload;
    this.#sink.reply(this, this.#replyVectors, payload > 0 ? 2 : 1);
  }

  #word(index: number): number {
    return this.#control[index] as number;
  }

  #number(index: number): number {
    return this.#word(index + 1) * 0x1_0000_0000 + this.#word(index);
  }

  /** struct iovec (bits/types/struct_iovec.h). */
  #vector(at: number, address: number, length: number): void {
    this.#bytes.writeBigUInt64LE(BigInt(address), at);
    this.#bytes.writeBigUInt64LE(BigInt(length), at + 8);
  }
}

const PAGE = 4096;

/** Of this thread's arena; of ordinary memory when that has no room. */
function takePages(length: number): Buffer {
  const pages = arena()?.take(length);
  if (pages) return pages;
  const memory = Buffer.allocUnsafeSlow(length + PAGE);
  const excess = addressOf(memory) % PAGE;
  return memory.subarray(PAGE - excess, PAGE - excess + length);
}
