import { layout, u32le, u64le, u64leBig } from '../../../codec/layout.ts';

/**
 * The log as the kernel's target writes it: one super block, then entry after entry. Each begins with a block of
 * its own, and its data follows. A block is the logical block of the device that is logged; all numbers of
 * sectors in the log count those.
 */

const MAGIC = 0x006a_7366_7773_6872n;
const VERSION = 1;

const LogWriteSuper = layout('log_write_super', 28, {
  magic: u64leBig,
  version: u64le,
  entries: u64le,
  sectorSize: u32le,
});

const LogWriteEntry = layout('log_write_entry', 32, {
  sector: u64le,
  sectors: u64le,
  flags: u64le,
  /** Bytes of text behind the entry, in its own block. */
  dataLength: u64le,
});

/** What an entry is. 16 (METADATA) marks what a file system calls metadata, which no request says here. */
const FLUSH = 1;
const FUA = 2;
const DISCARD = 4;
const MARK = 8;

/** Something that is written into the log in one piece. */
export interface LogEntry {
  /** The entry's block and what follows it. Nobody changes it any more. */
  readonly bytes: Uint8Array;
  /** How many bytes of zeroes follow `bytes`. */
  readonly zeroes: number;
  /** The super block is written again after this entry. */
  readonly counted: boolean;
}

/** The super block. */
export function superBlock(blockSize: number, entries: number): Uint8Array {
  const block = new Uint8Array(blockSize);
  LogWriteSuper.encodeInto(block, { magic: MAGIC, version: VERSION, entries, sectorSize: blockSize });
  return block;
}

/**
 * A write; its data is copied.
 *
 * @param at bytes, whole blocks
 */
export function writeEntry(blockSize: number, at: number, data: Uint8Array, fua: boolean): LogEntry {
  // Every byte is written below, so none has to be cleared first.
  const bytes = Buffer.allocUnsafe(blockSize + data.length);
  put(bytes, blockSize, at, data.length, fua ? FUA : 0);
  bytes.set(data, blockSize);
  return { bytes, zeroes: 0, counted: fua };
}

/** A write of `length` zero bytes, which take no room here. */
export function zeroesEntry(blockSize: number, at: number, length: number, fua: boolean): LogEntry {
  const bytes = new Uint8Array(blockSize);
  put(bytes, blockSize, at, length, fua ? FUA : 0);
  return { bytes, zeroes: length, counted: fua };
}

export function discardEntry(blockSize: number, at: number, length: number): LogEntry {
  const bytes = new Uint8Array(blockSize);
  put(bytes, blockSize, at, length, DISCARD);
  return { bytes, zeroes: 0, counted: false };
}

export function flushEntry(blockSize: number): LogEntry {
  const bytes = new Uint8Array(blockSize);
  put(bytes, blockSize, 0, 0, FLUSH);
  return { bytes, zeroes: 0, counted: false };
}

/** A mark. Text that does not fit the block, with a zero byte behind it, is cut. */
export function markEntry(blockSize: number, text: string): LogEntry {
  const bytes = new Uint8Array(blockSize);
  const room = blockSize - LogWriteEntry.size - 1;
  const data = Buffer.from(text).subarray(0, room);
  put(bytes, blockSize, 0, 0, MARK, data.length);
  bytes.set(data, LogWriteEntry.size);
  return { bytes, zeroes: 0, counted: true };
}

/** Fills the entry's block. */
function put(
  bytes: Uint8Array,
  blockSize: number,
  at: number,
  length: number,
  flags: number,
  dataLength = 0,
): void {
  const sector = at / blockSize;
  const sectors = length / blockSize;
  LogWriteEntry.encodeInto(bytes, { sector, sectors, flags, dataLength });
  bytes.fill(0, LogWriteEntry.size, blockSize);
}
