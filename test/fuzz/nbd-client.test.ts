import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as nbd from '../../src/block/nbd/protocol.ts';
import { type Expected, ReplyError, ReplyParser } from '../../src/block/nbd/reply-parser.ts';

/** Whatever a server answers, the client's parser takes it or fails with its own error, and stays inside buffers. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 1000);
const LENGTH = 4096;
const OFFSET = 8192;

function parse(stream: Uint8Array, cut: number, structured: boolean): void {
  const guarded = new Uint8Array(3 * LENGTH).fill(0xaa);
  const read: Expected = {
    type: nbd.NBD_CMD_READ,
    into: guarded.subarray(LENGTH, 2 * LENGTH),
    offset: OFFSET,
    received: 0,
    error: 0,
  };
  const status: Expected = { type: nbd.NBD_CMD_BLOCK_STATUS, offset: OFFSET, received: 0, error: 0 };
  const pending = new Map<bigint, Expected>([
    [1n, read],
    [2n, status],
  ]);
  const parser = new ReplyParser(structured, {
    expected: (cookie) => pending.get(cookie),
    blockStatus: (_cookie, bytes) => expect(bytes.length).toBeLessThan(1024 * 1024),
    done: (cookie) => pending.delete(cookie),
  });
  try {
    for (let at = 0; at < stream.length; at += cut) parser.feed(Buffer.from(stream.subarray(at, at + cut)));
  } catch (error) {
    expect(error).toBeInstanceOf(ReplyError);
  }
  expect(guarded.subarray(0, LENGTH).every((byte) => byte === 0xaa)).toBe(true);
  expect(guarded.subarray(2 * LENGTH).every((byte) => byte === 0xaa)).toBe(true);
}

const cookie = fc.oneof(fc.constantFrom(1n, 2n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const word = fc.oneof(
  fc.constantFrom(0, 1, 8, 9, 12, 512, LENGTH, LENGTH + 8, 0xffff_ffff),
  fc.nat(0xffff_ffff),
);
const chunk = fc
  .tuple(
    fc.constantFrom(0, 1),
    fc.oneof(fc.constantFrom(0, 1, 2, 5, 0x8001, 0x8002), fc.nat(0xffff)),
    cookie,
    fc.option(word),
    fc.uint8Array({ maxLength: 600 }),
  )
  .map(([flags, type, handle, length, payload]) => {
    const place = Buffer.alloc(8);
    place.writeUInt32BE(OFFSET, 4);
    const data = type === 1 || type === 2 ? Buffer.concat([place, payload]) : Buffer.from(payload);
    const header = nbd.StructuredReply.encode({
      magic: nbd.NBD_STRUCTURED_REPLY_MAGIC,
      flags,
      type,
      cookie: handle,
      length: length ?? data.length,
    });
    return Buffer.concat([header, data]);
  });
const simple = fc
  .tuple(cookie, word)
  .map(([handle, error]) =>
    Buffer.from(nbd.SimpleReply.encode({ magic: nbd.NBD_SIMPLE_REPLY_MAGIC, error, cookie: handle })),
  );
const cut = fc.constantFrom(1, 3, 19, 100_000);

describe('the NBD client under fuzzing', () => {
  it('survives noise', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), cut, fc.boolean(), parse), { numRuns: RUNS });
  });

  it('survives any replies', () => {
    const replies = fc.array(fc.oneof(chunk, simple), { maxLength: 6 }).map((parts) => Buffer.concat(parts));
    fc.assert(fc.property(replies, cut, fc.boolean(), parse), { numRuns: 3 * RUNS });
  });
});
