import { Message } from '../../../sys/message.ts';
import type { Block, Blocks } from './blocks.ts';

/** Vectors of one message; the kernel takes 1024 at most (UIO_MAXIOV). */
const VECTORS = 512;
const HEADERS_AT = Message.size(VECTORS);
const CONTROL_SIZE = 32 * 1024;
/** Longest header, with the whole of what goes with an error. */
const LONGEST_HEADER = 32;

const PAGE = 4096;
/** Room for the data of replies gathered in a batch; also the longest piece of a long read. */
export const BATCH_DATA = 256 * 1024;

/** Replies that are sent together: headers and data apart, joined by vectors. */
export class Batch {
  readonly message: Message;
  readonly #blocks: Blocks;
  readonly #control: Block;
  #data: Block | undefined;
  #dataEnd = 0;
  #headersEnd = HEADERS_AT;
  /** Other blocks that its data lies in. */
  readonly #pinned: Block[] = [];
  /** Bytes to send, and how many of them are. */
  bytes = 0;
  sent = 0;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
    this.#control = blocks.take(CONTROL_SIZE);
    this.message = new Message(this.#control.view(0, HEADERS_AT), VECTORS);
  }

  /** Whether another reply with so much data in the batch's own room finds place. */
  hasRoom(length: number): boolean {
    return (
      this.message.count + 2 <= VECTORS &&
      this.#headersEnd + LONGEST_HEADER <= CONTROL_SIZE &&
      this.#dataEnd + length <= BATCH_DATA
    );
  }

  /** The room for data. */
  get data(): Block {
    this.#data ??= this.#blocks.take(BATCH_DATA);
    return this.#data;
  }

  /** Where in {@link data} the next reply's goes. */
  get dataEnd(): number {
    return this.#dataEnd;
  }

  /** The next `length` bytes of the room for data are taken. */
  takeRoom(length: number): void {
    this.#dataEnd = (this.#dataEnd + length + PAGE - 1) & ~(PAGE - 1);
  }

  /** Where headers are written. */
  get headers(): DataView {
    return this.#control.data;
  }

  /** Adds a header of `length` bytes; returns where in {@link headers} it has to be written. */
  addHeader(length: number): number {
    const at = this.#headersEnd;
    this.#headersEnd += length;
    this.message.add(this.#control.address + at, length);
    this.bytes += length;
    return at;
  }

  /** Adds data that lies in a block; `pinned`: it is to be unpinned when that is sent. */
  addData(block: Block, at: number, length: number, pinned: boolean): void {
    this.message.add(block.address + at, length);
    this.bytes += length;
    if (pinned) this.#pinned.push(block);
  }

  /** Everything is sent, or never will be. */
  clear(): void {
    this.message.clear();
    for (const block of this.#pinned) block.unpin();
    this.#pinned.length = 0;
    this.#headersEnd = HEADERS_AT;
    this.#dataEnd = 0;
    this.bytes = 0;
    this.sent = 0;
    // A request that the device has not finished still fills its part.
    if (this.#data && this.#data.pins > 1) this.#giveData();
  }

  release(): void {
    this.clear();
    this.#giveData();
    this.#control.unpin();
  }

  #giveData(): void {
    this.#data?.unpin();
    this.#data = undefined;
  }
}
