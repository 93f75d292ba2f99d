import { closeSync } from 'node:fs';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import * as nbd from '../../../src/block/nbd/protocol.ts';
import { serveNbdConnection } from '../../../src/export/nbd/index.ts';
import { Block, Blocks } from '../../../src/export/nbd/socket/blocks.ts';
import type { QueueRun } from '../../../src/export/queue-threads.ts';
import { addressOf, ffiAvailable, libc } from '../../../src/sys/index.ts';
import { expectBytes, pattern } from '../../suites/block-device.ts';
import { RawNbdClient, request } from '../../suites/nbd-raw.ts';

const SIZE = 4 * 1024 * 1024;
const [AF_UNIX, SOCK_STREAM] = [1, 1];

describe.skipIf(!ffiAvailable())('a bare socket served without a handshake', () => {
  let memory: MemoryDevice;
  let fault: FaultDevice;
  let fd: number;
  let run: QueueRun;
  let client: RawNbdClient;

  async function serve(received?: Uint8Array): Promise<void> {
    run = await serveNbdConnection(fault, {
      fd,
      readOnly: false,
      structuredReplies: false,
      allocationContext: false,
      ...(received && { received }),
    });
  }

  beforeEach(async () => {
    memory = new MemoryDevice(pattern(SIZE, 1));
    fault = await FaultDevice.over(memory);
    const pair = new Int32Array(Buffer.allocUnsafeSlow(128).buffer, 0, 2);
    expect(libc()!.socketpair(AF_UNIX, SOCK_STREAM, 0, addressOf(new Uint8Array(pair.buffer)))).toBe(0);
    fd = pair[0]!;
    client = RawNbdClient.over(new net.Socket({ fd: pair[1]! }));
  });
  afterEach(async () => {
    client.socket.destroy();
    await run.ended;
    closeSync(fd);
  });

  it('answers with simple replies and counts what it served', async () => {
    await serve();
    client.request(nbd.NBD_CMD_READ, 512, SIZE - 512, { cookie: 0xfedc_ba98_7654_3210n });
    expect(await client.simple()).toEqual({ cookie: 0xfedc_ba98_7654_3210n, error: 0 });
    expectBytes(await client.take(SIZE - 512), memory.content.slice(512));
    const data = pattern(SIZE, 2);
    client.send(request(nbd.NBD_CMD_WRITE, 0, SIZE, { flags: nbd.NBD_CMD_FLAG_FUA }), data);
    client.send(request(nbd.NBD_CMD_WRITE, 4096, 4096), data.subarray(0, 4096));
    client.request(nbd.NBD_CMD_FLUSH, 0, 0);
    client.request(nbd.NBD_CMD_TRIM, 0, 4096);
    client.request(nbd.NBD_CMD_WRITE_ZEROES, 4096, 4096);
    client.request(nbd.NBD_CMD_READ, SIZE, 512);
    fault.fail({ kind: 'read' });
    client.request(nbd.NBD_CMD_READ, 0, 512);
    for (const error of [0, 0, 0, 0, 0, nbd.NBD_EINVAL, nbd.NBD_EIO]) {
      expect(await client.simple()).toMatchObject({ error });
    }
    expect(await run.counters()).toEqual({
      reads: 2,
      readBytes: SIZE,
      writes: 2,
      writtenBytes: SIZE + 4096,
      flushes: 1,
      others: 2,
      errors: 2,
    });
    client.request(nbd.NBD_CMD_DISC, 0, 0);
    await run.ended;
  });

  it('begins with what was received before', async () => {
    const first = Buffer.concat([request(nbd.NBD_CMD_WRITE, 0, 65536), pattern(1000, 3)]);
    await serve(first);
    client.send(pattern(65536, 3).subarray(1000));
    expect(await client.simple()).toMatchObject({ error: 0 });
    expectBytes(memory.content.slice(0, 65536), pattern(65536, 3));
  });

  it('stops when told, and leaves the descriptor to its owner', async () => {
    await serve();
    client.request(nbd.NBD_CMD_READ, 0, 512);
    await client.simple();
    await client.take(512);
    await run.stop();
    await run.ended;
    // Whoever owns it can go on with it.
    await serve();
    client.request(nbd.NBD_CMD_READ, 512, 512);
    expect(await client.simple()).toMatchObject({ error: 0 });
    expectBytes(await client.take(512), memory.content.slice(512, 1024));
  });

  it('gives the device page-aligned memory', async () => {
    await serve();
    const places: number[] = [];
    const { read, write } = memory;
    memory.read = (offset, into) => {
      places.push(addressOf(into));
      read.call(memory, offset, into);
    };
    memory.write = (offset, from) => {
      places.push(addressOf(from));
      write.call(memory, offset, from);
    };
    for (const length of [512, 4096, 65536, 1024 * 1024]) {
      client.request(nbd.NBD_CMD_READ, 0, length);
      await client.simple();
      await client.take(length);
      client.send(request(nbd.NBD_CMD_WRITE, 0, length), pattern(length, 4));
      await client.simple();
    }
    expect(places).toHaveLength(8);
    expect(places.map((place) => place % 4096)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('the blocks of a thread', () => {
  it.skipIf(!ffiAvailable())('are used again once nobody pins them, and views with them', () => {
    const blocks = new Blocks();
    const first = blocks.take(5000);
    expect(first).toBeInstanceOf(Block);
    expect(first.size).toBe(8192);
    expect(first.view(4096, 512)).toBe(first.view(4096, 512));
    expect(first.view(4096, 1024)).toHaveLength(1024);
    expect(first.view(0, 512).byteOffset + 4096).toBe(first.view(4096, 512).byteOffset);
    first.pin();
    first.unpin();
    expect(blocks.take(8192)).not.toBe(first);
    first.unpin();
    expect(blocks.take(8192)).toBe(first);
  });
});
