import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../src/block/index.ts';
import * as nbd from '../../../src/block/nbd/protocol.ts';
import { type NbdFixture, serveOnUnixSocket } from '../../suites/nbd-fixture.ts';
import { infoRequest, metaContextRequest, RawNbdClient, request, u32 } from '../../suites/nbd-raw.ts';

const SIZE = 1024 * 1024;
let fixture: NbdFixture;

beforeEach(async () => {
  fixture = await serveOnUnixSocket(new MemoryDevice(SIZE), { description: 'for people' });
});
afterEach(() => fixture.cleanup());

describe('the handshake of the NBD server', () => {
  it('starts with the hello of fixed newstyle', async () => {
    const client = await RawNbdClient.connect(fixture.address);
    // doc/proto.md, "Newstyle negotiation": NBDMAGIC, IHAVEOPT, handshake flags.
    expect((await client.take(18)).toString('hex')).toBe('4e42444d4147494349484156454f50540003');
  });

  it('drops clients with unknown flags', async () => {
    const client = await RawNbdClient.greet(fixture.address, 4);
    await client.closed();
  });

  it('drops clients that send no option magic', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    client.send(Buffer.alloc(16, 1));
    await client.closed();
  });

  it('answers unknown options with NBD_REP_ERR_UNSUP and goes on', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    expect(await client.option(77, Buffer.alloc(100))).toMatchObject([{ type: nbd.NBD_REP_ERR_UNSUP }]);
    expect(await client.option(nbd.NBD_OPT_LIST)).toHaveLength(2);
  });

  it('skips oversized options', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    expect(await client.option(nbd.NBD_OPT_GO, Buffer.alloc(300_000))).toMatchObject([
      { type: nbd.NBD_REP_ERR_TOO_BIG },
    ]);
    expect(await client.option(nbd.NBD_OPT_LIST)).toHaveLength(2);
  });

  it('takes options cut into single bytes', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    const data = infoRequest('disk');
    const option = Buffer.concat([
      nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option: nbd.NBD_OPT_INFO, length: data.length }),
      data,
    ]);
    client.socket.setNoDelay(true);
    for (const byte of option) {
      client.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const reply = nbd.OptionReplyHeader.decode(await client.take(nbd.OptionReplyHeader.size));
    expect(reply.type).toBe(nbd.NBD_REP_INFO);
  });

  it('lists its exports with their descriptions', async () => {
    fixture.server.addExport({ name: 'zweite', device: new MemoryDevice(512) });
    const client = await RawNbdClient.greet(fixture.address);
    const replies = await client.option(nbd.NBD_OPT_LIST);
    expect(replies.map(({ type }) => type)).toEqual([
      nbd.NBD_REP_SERVER,
      nbd.NBD_REP_SERVER,
      nbd.NBD_REP_ACK,
    ]);
    expect(replies[0]!.data).toEqual(Buffer.concat([u32(4), Buffer.from('diskfor people')]));
    expect(replies[1]!.data).toEqual(Buffer.concat([u32(6), Buffer.from('zweite')]));
    expect(await client.option(nbd.NBD_OPT_LIST, Buffer.of(1))).toMatchObject([
      { type: nbd.NBD_REP_ERR_INVALID },
    ]);
  });

  it('describes an export as asked', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    const asked = [nbd.NBD_INFO_NAME, nbd.NBD_INFO_DESCRIPTION, nbd.NBD_INFO_BLOCK_SIZE, 4711];
    const replies = await client.option(nbd.NBD_OPT_INFO, infoRequest('disk', asked));
    const information = new Map(replies.slice(0, -1).map(({ data }) => [data.readUInt16BE(0), data]));
    expect([...information.keys()].sort()).toEqual([0, 1, 2, 3]);
    expect(nbd.InfoExport.decode(information.get(nbd.NBD_INFO_EXPORT)!).size).toBe(SIZE);
    expect(information.get(nbd.NBD_INFO_NAME)!.toString('utf8', 2)).toBe('disk');
    expect(information.get(nbd.NBD_INFO_DESCRIPTION)!.toString('utf8', 2)).toBe('for people');
    expect(nbd.InfoBlockSize.decode(information.get(nbd.NBD_INFO_BLOCK_SIZE)!)).toMatchObject({
      minimum: 512,
      preferred: 4096,
      maximum: 32 * 1024 * 1024,
    });
  });

  it('announces what the device can do', async () => {
    const flagsOf = async (structured: boolean): Promise<number> => {
      const client = await RawNbdClient.greet(fixture.address);
      if (structured) await client.option(nbd.NBD_OPT_STRUCTURED_REPLY);
      const [info] = await client.option(nbd.NBD_OPT_INFO, infoRequest('disk'));
      return nbd.InfoExport.decode(info!.data).transmissionFlags;
    };
    const expected =
      nbd.NBD_FLAG_HAS_FLAGS |
      nbd.NBD_FLAG_SEND_FLUSH |
      nbd.NBD_FLAG_SEND_FUA |
      nbd.NBD_FLAG_SEND_TRIM |
      nbd.NBD_FLAG_SEND_WRITE_ZEROES |
      nbd.NBD_FLAG_SEND_FAST_ZERO |
      nbd.NBD_FLAG_CAN_MULTI_CONN;
    expect(await flagsOf(false)).toBe(expected);
    expect(await flagsOf(true)).toBe(expected | nbd.NBD_FLAG_SEND_DF);
  });

  it('knows unknown exports and broken requests', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    const invalid = nbd.NBD_REP_ERR_INVALID;
    expect(await client.option(nbd.NBD_OPT_GO, infoRequest('none'))).toMatchObject([
      { type: nbd.NBD_REP_ERR_UNKNOWN },
    ]);
    expect(await client.option(nbd.NBD_OPT_GO, Buffer.alloc(3))).toMatchObject([{ type: invalid }]);
    expect(
      await client.option(nbd.NBD_OPT_GO, Buffer.concat([u32(0xffff_ffff), Buffer.alloc(8)])),
    ).toMatchObject([{ type: invalid }]);
    expect(await client.option(nbd.NBD_OPT_GO, infoRequest('x'.repeat(4097)))).toMatchObject([
      { type: invalid },
    ]);
    expect(await client.option(nbd.NBD_OPT_STARTTLS)).toMatchObject([{ type: nbd.NBD_REP_ERR_POLICY }]);
    await client.go('disk', false);
  });

  it('takes the empty name for its only export', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    const [info, ack] = await client.option(nbd.NBD_OPT_INFO, infoRequest(''));
    expect(nbd.InfoExport.decode(info!.data).size).toBe(SIZE);
    expect(ack!.type).toBe(nbd.NBD_REP_ACK);
    fixture.server.addExport({ name: 'another', device: new MemoryDevice(512) });
    expect(await client.option(nbd.NBD_OPT_INFO, infoRequest(''))).toMatchObject([
      { type: nbd.NBD_REP_ERR_UNKNOWN },
    ]);
  });

  it('offers base:allocation only with structured replies', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    const query = metaContextRequest('disk', ['base:allocation', 'x-other:thing']);
    expect(await client.option(nbd.NBD_OPT_SET_META_CONTEXT, query)).toMatchObject([
      { type: nbd.NBD_REP_ERR_INVALID },
    ]);
    await client.option(nbd.NBD_OPT_STRUCTURED_REPLY);
    const listed = await client.option(nbd.NBD_OPT_LIST_META_CONTEXT, metaContextRequest('disk', ['base:']));
    expect(listed.map(({ type }) => type)).toEqual([nbd.NBD_REP_META_CONTEXT, nbd.NBD_REP_ACK]);
    const wildcard = await client.option(nbd.NBD_OPT_SET_META_CONTEXT, metaContextRequest('disk', ['base:']));
    expect(wildcard).toHaveLength(1);
    const [context] = await client.option(nbd.NBD_OPT_SET_META_CONTEXT, query);
    expect(context!.data.toString('utf8', 4)).toBe('base:allocation');
  });

  it('serves NBD_OPT_EXPORT_NAME with and without padding', async () => {
    for (const [flags, padding] of [
      [3, 0],
      [1, 124],
    ] as const) {
      const client = await RawNbdClient.greet(fixture.address, flags);
      const name = Buffer.from('disk');
      client.send(
        nbd.OptionHeader.encode({
          magic: nbd.IHAVEOPT,
          option: nbd.NBD_OPT_EXPORT_NAME,
          length: name.length,
        }),
        name,
        request(nbd.NBD_CMD_READ, 0, 512),
      );
      const reply = await client.take(10 + padding);
      expect(nbd.ExportNameReply.decode(reply).size).toBe(SIZE);
      expect(reply.subarray(10).every((byte) => byte === 0)).toBe(true);
      expect(await client.simple()).toEqual({ cookie: 1n, error: 0 });
      await client.take(512);
    }
  });

  it('ends the session for an unknown NBD_OPT_EXPORT_NAME, and after NBD_OPT_ABORT', async () => {
    const unknown = await RawNbdClient.greet(fixture.address);
    unknown.send(
      nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option: nbd.NBD_OPT_EXPORT_NAME, length: 1 }),
      Buffer.of(65),
    );
    expect(await unknown.closed()).toHaveLength(0);
    const abort = await RawNbdClient.greet(fixture.address);
    expect(await abort.option(nbd.NBD_OPT_ABORT)).toMatchObject([{ type: nbd.NBD_REP_ACK }]);
    await abort.closed();
  });

  it('drops who never stops sending options', async () => {
    const client = await RawNbdClient.greet(fixture.address);
    const option = nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option: 99, length: 0 });
    client.send(...Array.from({ length: 2000 }, () => option));
    await client.closed();
  });
});
