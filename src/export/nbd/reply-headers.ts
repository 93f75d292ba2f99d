import * as nbd from '../../block/nbd/protocol.ts';

/** Headers of replies, written in place. A request's cookie comes in two words, `high` and `low`. */

const { offsetOf: SIMPLE, size: SIMPLE_SIZE } = nbd.SimpleReply;
const { offsetOf: CHUNK, size: CHUNK_SIZE } = nbd.StructuredReply;

/** Bytes before the data of a successful read. */
export const SIMPLE_HEADER = SIMPLE_SIZE;
export const DATA_CHUNK_HEADER = CHUNK_SIZE + nbd.OFFSET_DATA_PREFIX;
export const CHUNK_HEADER = CHUNK_SIZE;
/** A whole error chunk. */
export const ERROR_CHUNK = CHUNK_SIZE + nbd.ErrorChunk.size;

export function writeSimpleHeader(
  view: DataView,
  at: number,
  high: number,
  low: number,
  error: number,
): void {
  view.setUint32(at + SIMPLE.magic, nbd.NBD_SIMPLE_REPLY_MAGIC);
  view.setUint32(at + SIMPLE.error, error);
  view.setUint32(at + SIMPLE.cookie, high);
  view.setUint32(at + SIMPLE.cookie + 4, low);
}

export function writeChunkHeader(
  view: DataView,
  at: number,
  high: number,
  low: number,
  flags: number,
  type: number,
  length: number,
): void {
  view.setUint32(at + CHUNK.magic, nbd.NBD_STRUCTURED_REPLY_MAGIC);
  view.setUint16(at + CHUNK.flags, flags);
  view.setUint16(at + CHUNK.type, type);
  view.setUint32(at + CHUNK.cookie, high);
  view.setUint32(at + CHUNK.cookie + 4, low);
  view.setUint32(at + CHUNK.length, length);
}

/** The DATA_CHUNK_HEADER bytes before `length` bytes of data from `offset`. */
export function writeDataChunkHeader(
  view: DataView,
  at: number,
  high: number,
  low: number,
  flags: number,
  offset: number,
  length: number,
): void {
  const payload = length + nbd.OFFSET_DATA_PREFIX;
  writeChunkHeader(view, at, high, low, flags, nbd.NBD_REPLY_TYPE_OFFSET_DATA, payload);
  view.setUint32(at + CHUNK_SIZE, Math.floor(offset / 0x1_0000_0000));
  view.setUint32(at + CHUNK_SIZE + 4, offset >>> 0);
}

/** NBD_REPLY_TYPE_NONE, ending a reply: CHUNK_HEADER bytes. */
export function writeNoneChunk(view: DataView, at: number, high: number, low: number): void {
  writeChunkHeader(view, at, high, low, nbd.NBD_REPLY_FLAG_DONE, nbd.NBD_REPLY_TYPE_NONE, 0);
}

/** NBD_REPLY_TYPE_ERROR without a message, ending a reply: ERROR_CHUNK bytes. */
export function writeErrorChunk(view: DataView, at: number, high: number, low: number, error: number): void {
  const { size, offsetOf } = nbd.ErrorChunk;
  writeChunkHeader(view, at, high, low, nbd.NBD_REPLY_FLAG_DONE, nbd.NBD_REPLY_TYPE_ERROR, size);
  view.setUint32(at + CHUNK_SIZE + offsetOf.error, error);
  view.setUint16(at + CHUNK_SIZE + offsetOf.messageLength, 0);
}
