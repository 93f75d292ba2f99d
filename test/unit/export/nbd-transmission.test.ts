import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlockDevice, FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import * as nbd from '../../../src/block/nbd/protocol.ts';
import { expectBytes, pattern } from '../../suites/block-device.ts';
import { type NbdFixture, serveOnUnixSocket, WAYS } from '../../suites/nbd-fixture.ts';
import { metaContextRequest, RawNbdClient, request } from '../../suites/nbd-raw.ts';

const SIZE = 1024 * 1024;

describe.each(WAYS)('%s', (_name, way) => {
  let memory: MemoryDevice;
  let fault: FaultDevice;
  let fixture: NbdFixture;

  beforeEach(async () => {
    memory = new MemoryDevice(pattern(SIZE, 1));
    fault = await FaultDevice.over(memory);
    fixture = await serveOnUnixSocket(fault, way);
  });
  afterEach(() => fixture.cleanup());

  async function enter(structured: boolean): Promise<RawNbdClient> {
    const client = await RawNbdClient.greet(fixture.address);
    await client.go('disk', structured);
    return client;
  }

  describe('the transmission phase of the NBD server', () => {
    it('answers reads with simple replies', async () => {
      const client = await enter(false);
      client.request(nbd.NBD_CMD_READ, 1024, 4096, { cookie: 0xfedc_ba98_7654_3210n });
      expect(await client.simple()).toEqual({ cookie: 0xfedc_ba98_7654_3210n, error: 0 });
      expectBytes(await client.take(4096), memory.content.slice(1024, 5120));
    });

    it('answers reads with one content chunk where asked not to fragment', async () => {
      const client = await enter(true);
      client.request(nbd.NBD_CMD_READ, 0, SIZE, { flags: nbd.NBD_CMD_FLAG_DF });
      const chunk = await client.chunk();
      expect(chunk).toMatchObject({
        cookie: 1n,
        flags: nbd.NBD_REPLY_FLAG_DONE,
        type: nbd.NBD_REPLY_TYPE_OFFSET_DATA,
      });
      expect(chunk.payload.readBigUInt64BE(0)).toBe(0n);
      expectBytes(chunk.payload.subarray(8), memory.content);
    });

    it('answers long reads in chunks that cover the range once', async () => {
      const client = await enter(true);
      client.request(nbd.NBD_CMD_READ, 512, SIZE - 512);
      const found = new Uint8Array(SIZE - 512);
      let covered = 0;
      for (let done = false; !done; ) {
        const chunk = await client.chunk();
        expect(chunk.type).toBe(nbd.NBD_REPLY_TYPE_OFFSET_DATA);
        found.set(chunk.payload.subarray(8), Number(chunk.payload.readBigUInt64BE(0)) - 512);
        covered += chunk.payload.length - 8;
        done = (chunk.flags & nbd.NBD_REPLY_FLAG_DONE) !== 0;
      }
      expect(covered).toBe(found.length);
      expectBytes(found, memory.content.slice(512));
    });

    it('takes requests and payloads cut anywhere', async () => {
      const client = await enter(false);
      const data = pattern(8192, 2);
      const stream = Buffer.concat([
        request(nbd.NBD_CMD_WRITE, 4096, 8192, { cookie: 1n }),
        data,
        request(nbd.NBD_CMD_FLUSH, 0, 0, { cookie: 2n }),
        request(nbd.NBD_CMD_READ, 4096, 8192, { cookie: 3n }),
      ]);
      for (const step of [1, 7, 27, 28, 29, 1000, 8220]) {
        for (let at = 0; at < stream.length; at += step) {
          client.socket.write(stream.subarray(at, at + step));
          if (step < 1000 || at % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        expect(await client.simple()).toEqual({ cookie: 1n, error: 0 });
        expect(await client.simple()).toEqual({ cookie: 2n, error: 0 });
        expect(await client.simple()).toEqual({ cookie: 3n, error: 0 });
        expectBytes(await client.take(8192), data);
        memory.content.fill(0);
      }
    });

    it('takes payloads longer than its buffers', async () => {
      const client = await enter(false);
      const data = pattern(SIZE, 3);
      for (const length of [128 * 1024, 256 * 1024, 300 * 1024, SIZE]) {
        memory.content.fill(0);
        client.send(
          request(nbd.NBD_CMD_WRITE, 0, length),
          data.subarray(0, length),
          request(nbd.NBD_CMD_FLUSH, 0, 0),
        );
        expect(await client.simple()).toMatchObject({ error: 0 });
        expect(await client.simple()).toMatchObject({ error: 0 });
        expectBytes(memory.content.slice(0, length), data.slice(0, length));
        expect(memory.content.subarray(length).every((byte) => byte === 0)).toBe(true);
      }
    });

    it('hands flush, FUA, trim and zeroes to the device', async () => {
      const client = await enter(false);
      const start = fault.log.length;
      client.send(request(nbd.NBD_CMD_WRITE, 0, 512, { flags: nbd.NBD_CMD_FLAG_FUA }), pattern(512, 4));
      client.request(nbd.NBD_CMD_FLUSH, 0, 0);
      client.request(nbd.NBD_CMD_TRIM, 512, 512, { flags: nbd.NBD_CMD_FLAG_FUA });
      client.request(nbd.NBD_CMD_WRITE_ZEROES, 1024, 512, {
        flags: nbd.NBD_CMD_FLAG_FUA | nbd.NBD_CMD_FLAG_NO_HOLE | nbd.NBD_CMD_FLAG_FAST_ZERO,
      });
      for (let count = 0; count < 4; count += 1)
        expect(await client.simple()).toEqual({ cookie: 1n, error: 0 });
      expect(fault.log.slice(start)).toMatchObject([
        { kind: 'write', offset: 0, fua: true },
        { kind: 'flush' },
        { kind: 'discard', offset: 512, length: 512 },
        { kind: 'flush' },
        { kind: 'writeZeroes', offset: 1024, length: 512, fua: true },
      ]);
    });

    const FLAGS = [
      ['read past the end', nbd.NBD_CMD_READ, SIZE - 512, 1024, 0, nbd.NBD_EINVAL],
      ['read far past the end', nbd.NBD_CMD_READ, 0xffff_ffff_ffff_fe00n, 512, 0, nbd.NBD_EINVAL],
      ['misaligned read', nbd.NBD_CMD_READ, 1, 512, 0, nbd.NBD_EINVAL],
      ['read of more than the maximum', nbd.NBD_CMD_READ, 0, 64 * 1024 * 1024, 0, nbd.NBD_EINVAL],
      [
        'unfragmented read without structured replies',
        nbd.NBD_CMD_READ,
        0,
        512,
        nbd.NBD_CMD_FLAG_DF,
        nbd.NBD_EINVAL,
      ],
      ['unknown flag', nbd.NBD_CMD_READ, 0, 512, 0x8000, nbd.NBD_EINVAL],
      ['trim past the end', nbd.NBD_CMD_TRIM, SIZE, 512, 0, nbd.NBD_EINVAL],
      ['zeroes past the end', nbd.NBD_CMD_WRITE_ZEROES, SIZE, 512, 0, nbd.NBD_ENOSPC],
      ['misaligned zeroes', nbd.NBD_CMD_WRITE_ZEROES, 0, 511, 0, nbd.NBD_EINVAL],
      ['block status without a context', nbd.NBD_CMD_BLOCK_STATUS, 0, 512, 0, nbd.NBD_EINVAL],
      ['unknown command', 99, 0, 512, 0, nbd.NBD_EINVAL],
    ] as const;

    it.each(FLAGS)('refuses: %s', async (_what, type, offset, length, flags, error) => {
      const client = await enter(false);
      const before = fault.changes;
      client.request(type, offset, length, { flags });
      expect(await client.simple()).toEqual({ cookie: 1n, error });
      expect(fault.changes).toBe(before);
      client.request(nbd.NBD_CMD_READ, 0, 512);
      expect(await client.simple()).toEqual({ cookie: 1n, error: 0 });
    });

    it('refuses writes past the end and misaligned ones, and skips their payload', async () => {
      const client = await enter(true);
      const before = fault.changes;
      client.send(request(nbd.NBD_CMD_WRITE, SIZE, 512), pattern(512, 1));
      client.send(request(nbd.NBD_CMD_WRITE, 3, 512), pattern(512, 1));
      client.send(request(nbd.NBD_CMD_WRITE, SIZE - 512, 2 * SIZE), pattern(2 * SIZE, 1));
      expect(await client.simple()).toEqual({ cookie: 1n, error: nbd.NBD_ENOSPC });
      expect(await client.simple()).toEqual({ cookie: 1n, error: nbd.NBD_EINVAL });
      expect(await client.simple()).toEqual({ cookie: 1n, error: nbd.NBD_ENOSPC });
      expect(fault.changes).toBe(before);
      client.request(nbd.NBD_CMD_READ, 0, 512);
      expect(await client.chunk()).toMatchObject({ type: nbd.NBD_REPLY_TYPE_OFFSET_DATA });
    });

    it('drops who sends a payload beyond all limits, or no request at all', async () => {
      const huge = await enter(false);
      huge.request(nbd.NBD_CMD_WRITE, 0, 32 * 1024 * 1024 + 512);
      await huge.closed();
      const nonsense = await enter(false);
      nonsense.send(Buffer.alloc(28, 7));
      await nonsense.closed();
    });

    it('tells the errors of the device, and only of the request that met them', async () => {
      const client = await enter(true);
      fault.fail({ kind: 'read', offset: 4096, length: 512 });
      client.request(nbd.NBD_CMD_READ, 0, 512, { cookie: 1n });
      client.request(nbd.NBD_CMD_READ, 4096, 512, { cookie: 2n });
      client.request(nbd.NBD_CMD_READ, 8192, 512, { cookie: 3n });
      expect(await client.chunk()).toMatchObject({ cookie: 1n, type: nbd.NBD_REPLY_TYPE_OFFSET_DATA });
      const error = await client.chunk();
      expect(error).toMatchObject({
        cookie: 2n,
        flags: nbd.NBD_REPLY_FLAG_DONE,
        type: nbd.NBD_REPLY_TYPE_ERROR,
      });
      expect(nbd.ErrorChunk.decode(error.payload).error).toBe(nbd.NBD_EIO);
      const third = await client.chunk();
      expect(third).toMatchObject({ cookie: 3n, type: nbd.NBD_REPLY_TYPE_OFFSET_DATA });
      expectBytes(third.payload.subarray(8), memory.content.slice(8192, 8704));
      fault.fail({ kind: 'write', errno: 'ENOSPC' });
      client.send(request(nbd.NBD_CMD_WRITE, 0, 512, { cookie: 4n }), pattern(512, 1));
      expect(await client.simple()).toEqual({ cookie: 4n, error: nbd.NBD_ENOSPC });
      fault.fail({ kind: 'flush' });
      client.request(nbd.NBD_CMD_FLUSH, 0, 0, { cookie: 5n });
      expect(await client.simple()).toEqual({ cookie: 5n, error: nbd.NBD_EIO });
    });

    it('tells the error of one piece of a long read at the end of the reply', async () => {
      const client = await enter(true);
      fault.fail({ kind: 'read', offset: 600 * 1024, length: 512 });
      client.request(nbd.NBD_CMD_READ, 0, SIZE);
      let last = await client.chunk();
      while ((last.flags & nbd.NBD_REPLY_FLAG_DONE) === 0) last = await client.chunk();
      expect(last.type).toBe(nbd.NBD_REPLY_TYPE_ERROR);
    });

    it('refuses changes of a read-only export with NBD_EPERM', async () => {
      fixture.server.addExport({ name: 'fixed', device: memory, readOnly: true });
      const client = await RawNbdClient.greet(fixture.address);
      await client.go('fixed', false);
      client.send(request(nbd.NBD_CMD_WRITE, 0, 512), pattern(512, 9));
      client.request(nbd.NBD_CMD_WRITE_ZEROES, 0, 512);
      client.request(nbd.NBD_CMD_TRIM, 0, 512);
      for (let count = 0; count < 3; count += 1) {
        expect(await client.simple()).toEqual({ cookie: 1n, error: nbd.NBD_EPERM });
      }
      expectBytes(memory.content, pattern(SIZE, 1));
    });

    it('reports block status for base:allocation', async () => {
      const sparse = Object.assign(new MemoryDevice(SIZE), {
        extents: (_offset: number, length: number) => [
          { length: 4096, hole: false, zero: false },
          { length: 4096, hole: true, zero: true },
          { length: 8192, hole: true, zero: true },
          { length, hole: false, zero: false },
        ],
      });
      fixture.server.addExport({ name: 'sparse', device: sparse });
      const client = await RawNbdClient.greet(fixture.address);
      await client.option(nbd.NBD_OPT_STRUCTURED_REPLY);
      const [context] = await client.option(
        nbd.NBD_OPT_SET_META_CONTEXT,
        metaContextRequest('sparse', ['base:allocation']),
      );
      await client.go('sparse', false);
      const id = context!.data.readUInt32BE(0);
      client.request(nbd.NBD_CMD_BLOCK_STATUS, 0, 32768);
      const chunk = await client.chunk();
      expect(chunk).toMatchObject({ flags: nbd.NBD_REPLY_FLAG_DONE, type: nbd.NBD_REPLY_TYPE_BLOCK_STATUS });
      const words = Array.from({ length: chunk.payload.length / 4 }, (_, index) =>
        chunk.payload.readUInt32BE(index * 4),
      );
      expect(words).toEqual([id, 4096, 0, 12288, nbd.NBD_STATE_HOLE | nbd.NBD_STATE_ZERO, 16384, 0]);
      client.request(nbd.NBD_CMD_BLOCK_STATUS, 0, 512, { flags: nbd.NBD_CMD_FLAG_REQ_ONE });
      expect((await client.chunk()).payload.toString('hex')).toBe(
        `${id.toString(16).padStart(8, '0')}0000020000000000`,
      );
    });

    it('finishes what is under way after NBD_CMD_DISC', async () => {
      const client = await enter(false);
      client.send(
        request(nbd.NBD_CMD_READ, 0, 512),
        request(nbd.NBD_CMD_DISC, 0, 0),
        request(nbd.NBD_CMD_READ, 0, 512),
      );
      expect(await client.simple()).toEqual({ cookie: 1n, error: 0 });
      await client.take(512);
      expect(await client.closed()).toHaveLength(0);
    });
  });

  describe('clients and the server', () => {
    it('answers others while one does not read its replies, and holds no more for that one than its limit', async () => {
      const large = new MemoryDevice(32 * 1024 * 1024);
      fixture.server.addExport({ name: 'large', device: large });
      const deaf = await RawNbdClient.greet(fixture.address);
      await deaf.go('large', true);
      deaf.socket.pause();
      let reads = 0;
      const counting: BlockDevice['read'] = MemoryDevice.prototype.read;
      large.read = function read(this: MemoryDevice, offset, into) {
        reads += into.length;
        return counting.call(this, offset, into) as undefined;
      };
      deaf.send(...Array.from({ length: 64 }, () => request(nbd.NBD_CMD_READ, 0, 32 * 1024 * 1024)));
      const other = await enter(false);
      for (let count = 0; count < 200; count += 1) {
        other.request(nbd.NBD_CMD_READ, count * 512, 512);
        expect(await other.simple()).toEqual({ cookie: 1n, error: 0 });
        expectBytes(await other.take(512), memory.content.slice(count * 512, count * 512 + 512));
      }
      expect(reads).toBeLessThanOrEqual(128 * 1024 * 1024);
      deaf.socket.resume();
      const reply = 32 * 1024 * 1024;
      let got = 0;
      while (got < reply * 3) {
        const chunk = await deaf.chunk();
        expect(chunk.type).toBe(nbd.NBD_REPLY_TYPE_OFFSET_DATA);
        got += chunk.payload.length - 8;
      }
      deaf.socket.destroy();
    });

    it('counts connections by export and tells of changes', async () => {
      const seen: [string, number][] = [];
      await fixture.cleanup();
      memory = new MemoryDevice(SIZE);
      fixture = await serveOnUnixSocket(memory, {
        ...way,
        onConnectionsChange: (name, count) => seen.push([name, count]),
      });
      expect(fixture.server.connections('disk')).toBe(0);
      const first = await enter(false);
      const second = await enter(false);
      const idle = await RawNbdClient.greet(fixture.address);
      expect(fixture.server.connections('disk')).toBe(2);
      expect(fixture.server.connections()).toBe(2);
      first.request(nbd.NBD_CMD_DISC, 0, 0);
      await first.closed();
      second.socket.destroy();
      while (fixture.server.connections('disk') > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(seen).toEqual([
        ['disk', 1],
        ['disk', 2],
        ['disk', 1],
        ['disk', 0],
      ]);
      idle.socket.destroy();
    });

    it('closes when told, after what is under way is written and answered', async () => {
      let release: (() => void) | undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      let started = 0;
      const slow = new MemoryDevice(SIZE);
      const original = MemoryDevice.prototype.write;
      const held: BlockDevice = Object.assign(slow, {
        write(offset: number, from: Uint8Array): Promise<void> {
          started += 1;
          return gate.then(() => original.call(slow, offset, from));
        },
      });
      fixture.server.addExport({ name: 'slow', device: held });
      const client = await RawNbdClient.greet(fixture.address);
      await client.go('slow', false);
      client.send(request(nbd.NBD_CMD_WRITE, 512, 1024), pattern(1024, 6));
      while (started === 0) await new Promise((resolve) => setImmediate(resolve));
      let closed = false;
      const closing = fixture.server.close().then(() => (closed = true));
      await new Promise((resolve) => setImmediate(resolve));
      expect(closed).toBe(false);
      release!();
      expect(await client.simple()).toEqual({ cookie: 1n, error: 0 });
      await client.closed();
      await closing;
      expectBytes(slow.content.slice(512, 1536), pattern(1024, 6));
    });

    it('finishes the writes of a client that vanished before it calls the connection over', async () => {
      let release: (() => void) | undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      let started = 0;
      const slow = new MemoryDevice(SIZE);
      const held: BlockDevice = Object.assign(slow, {
        write(offset: number, from: Uint8Array): Promise<void> {
          started += 1;
          return gate.then(() => MemoryDevice.prototype.write.call(slow, offset, from));
        },
      });
      fixture.server.addExport({ name: 'slow', device: held });
      const client = await RawNbdClient.greet(fixture.address);
      await client.go('slow', false);
      client.send(request(nbd.NBD_CMD_WRITE, 0, 512), pattern(512, 8));
      while (started === 0) await new Promise((resolve) => setImmediate(resolve));
      client.socket.destroy();
      const removed = fixture.server.removeExport('slow');
      await new Promise((resolve) => setImmediate(resolve));
      expect(fixture.server.connections('slow')).toBe(1);
      release!();
      await removed;
      expectBytes(slow.content.slice(0, 512), pattern(512, 8));
    });
  });
});
