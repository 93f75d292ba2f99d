import { afterEach, describe, expect, it } from 'vitest';
import { connectNbd, MemoryDevice } from '../../../src/block/index.ts';
import * as nbd from '../../../src/block/nbd/protocol.ts';
import { sumCounters } from '../../../src/export/nbd/socket/counters.ts';
import { ffiAvailable } from '../../../src/sys/index.ts';
import { expectBytes, pattern } from '../../suites/block-device.ts';
import { type NbdFixture, serveOnUnixSocket } from '../../suites/nbd-fixture.ts';
import { RawNbdClient, request } from '../../suites/nbd-raw.ts';
import { NbdThreads, nbdThreadProgram } from '../../suites/nbd-threads.ts';

const SIZE = 16 * 1024 * 1024;
const PARTS = 16;
const PART = SIZE / PARTS;

describe.skipIf(!ffiAvailable())('an NBD connection served by several threads', () => {
  const program = nbdThreadProgram();
  let threads: NbdThreads;
  let fixture: NbdFixture;
  let content: Uint8Array;

  /** Each thread has a device of its own on the same memory. */
  async function serve(count: number, late?: number): Promise<void> {
    const memory = new SharedArrayBuffer(SIZE);
    content = new Uint8Array(memory);
    content.set(pattern(SIZE, 1));
    threads = new NbdThreads(program.path, count, {
      content: memory,
      ...(late !== undefined && { late }),
    });
    // What the server asks of the device itself is only how large it is and what it can do.
    fixture = await serveOnUnixSocket(new MemoryDevice(SIZE), { queues: () => threads });
  }

  async function enter(structured: boolean): Promise<RawNbdClient> {
    const client = await RawNbdClient.greet(fixture.address);
    await client.go('disk', structured);
    return client;
  }

  async function left(): Promise<void> {
    while (fixture.server.connections() > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  afterEach(async () => {
    await fixture.cleanup();
    await threads.close();
  });

  it.each([
    [2, undefined],
    [3, undefined],
    [3, 4],
  ])('is served by %i without a mistake, requests up to %s turns late', async (count, late) => {
    await serve(count, late);
    const device = await connectNbd(fixture.uri());
    const expected = content.slice();
    const lengths = [512, 4096, 32 * 1024, 65536, 128 * 1024, 300 * 1024, PART];
    let [reads, readBytes, writes, writtenBytes] = [0, 0, 0, 0];
    // Each part is used by one request at a time, so that what it holds is known.
    const use = async (part: number): Promise<void> => {
      for (let round = 0; round < 40; round += 1) {
        const random = (part * 7919 + round * 104_729) >>> 0;
        const length = lengths[random % lengths.length] as number;
        const offset = part * PART + Math.min(PART - length, (random % 64) * 4096);
        if (random % 3 === 0) {
          const data = pattern(length, random % 251);
          expected.set(data, offset);
          await device.write(offset, data);
          [writes, writtenBytes] = [writes + 1, writtenBytes + length];
        } else {
          const into = new Uint8Array(length);
          await device.read(offset, into);
          expectBytes(into, expected.subarray(offset, offset + length));
          [reads, readBytes] = [reads + 1, readBytes + length];
        }
      }
    };
    await Promise.all(Array.from({ length: PARTS }, (_, part) => use(part)));
    await device.flush();
    expectBytes(content, expected);
    const counters = await Promise.all(threads.runs.map((run) => run.counters()));
    expect(sumCounters(counters)).toEqual({
      reads,
      readBytes,
      writes,
      writtenBytes,
      flushes: 1,
      others: 0,
      errors: 0,
    });
    // Sixteen long requests at a time are more than one thread takes for itself.
    for (const { reads: own } of counters) expect(own).toBeGreaterThan(0);
    await device.close();
    await left();
    await Promise.all(threads.runs.map((run) => run.ended));
  });

  it('goes on whoever gets to send first', async () => {
    await serve(2);
    const device = await connectNbd(fixture.uri());
    const stream = async (at: number): Promise<void> => {
      const into = new Uint8Array(128 * 1024);
      for (let round = 0; round < 1000; round += 1)
        await device.read(((round + at) % 128) * into.length, into);
      expectBytes(into, content.subarray(((999 + at) % 128) * into.length).subarray(0, into.length));
    };
    await Promise.all(Array.from({ length: 12 }, (_, at) => stream(at * 8)));
    await device.close();
    await left();
  });

  it('finishes what is under way in every thread when the client disconnects', async () => {
    await serve(3, 6);
    const client = await enter(false);
    const data = pattern(65536, 5);
    for (let at = 0; at < 32; at += 1) {
      client.send(request(nbd.NBD_CMD_WRITE, at * 65536, 65536, { cookie: BigInt(at) }), data);
    }
    client.request(nbd.NBD_CMD_DISC, 0, 0);
    const cookies = new Set<bigint>();
    while (cookies.size < 32) {
      const { cookie, error } = await client.simple();
      expect(error).toBe(0);
      cookies.add(cookie);
    }
    expect(await client.closed()).toHaveLength(0);
    for (let at = 0; at < 32; at += 1) expectBytes(content.slice(at * 65536, (at + 1) * 65536), data);
    await left();
  });

  it('finishes what is under way when the server closes', async () => {
    await serve(2, 6);
    const client = await enter(true);
    for (let at = 0; at < 8; at += 1) client.request(nbd.NBD_CMD_READ, at * PART, PART);
    const first = await client.chunk();
    expect(first.type).toBe(nbd.NBD_REPLY_TYPE_OFFSET_DATA);
    const closing = fixture.server.close();
    // What comes is whole chunks, up to the end.
    let rest: Buffer = await client.closed();
    while (rest.length > 0) {
      const { magic, length } = nbd.StructuredReply.decode(rest);
      expect(magic).toBe(nbd.NBD_STRUCTURED_REPLY_MAGIC);
      const chunk = rest.subarray(nbd.StructuredReply.size, nbd.StructuredReply.size + length);
      const offset = Number(chunk.readBigUInt64BE(0));
      expectBytes(chunk.subarray(8), content.slice(offset, offset + length - 8));
      rest = rest.subarray(nbd.StructuredReply.size + length);
    }
    await closing;
  });

  it('drops who sends nonsense, in every thread', async () => {
    await serve(2);
    const client = await enter(false);
    for (let at = 0; at < 8; at += 1) client.request(nbd.NBD_CMD_READ, 0, PART);
    client.send(Buffer.alloc(28, 7));
    client.socket.resume();
    await client.closed();
    await left();
    await Promise.all(threads.runs.map((run) => run.ended));
  });

  it('ends, and does not hang, when a thread dies', async () => {
    await serve(3);
    const failures: unknown[] = [];
    await fixture.server.close();
    fixture = await serveOnUnixSocket(new MemoryDevice(SIZE), {
      queues: () => threads,
      onError: (error) => failures.push(error),
    });
    const client = await enter(false);
    client.request(nbd.NBD_CMD_READ, 0, 512);
    expect(await client.simple()).toMatchObject({ error: 0 });
    await client.take(512);
    threads.kill(0);
    await client.closed();
    await left();
    expect(failures).toHaveLength(1);
  });

  it('serves others while a client does not read its replies', async () => {
    await serve(2);
    const deaf = await enter(true);
    deaf.socket.pause();
    deaf.send(...Array.from({ length: 64 }, () => request(nbd.NBD_CMD_READ, 0, SIZE)));
    const other = await enter(false);
    for (let count = 0; count < 100; count += 1) {
      other.request(nbd.NBD_CMD_READ, count * 65536, 65536);
      expect(await other.simple()).toEqual({ cookie: 1n, error: 0 });
      expectBytes(await other.take(65536), content.slice(count * 65536, (count + 1) * 65536));
    }
    deaf.socket.destroy();
    other.request(nbd.NBD_CMD_DISC, 0, 0);
    await left();
  });
});
