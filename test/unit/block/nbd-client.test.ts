import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  connectNbd,
  formatNbdUri,
  listNbdExports,
  MemoryDevice,
  openDevice,
} from '../../../src/block/index.ts';
import * as nbd from '../../../src/block/nbd/protocol.ts';
import { codeOf, expectBytes, pattern } from '../../suites/block-device.ts';
import { serveOnUnixSocket } from '../../suites/nbd-fixture.ts';
import { u16, u32 } from '../../suites/nbd-raw.ts';

let directory: string;
let socket: string;
let server: net.Server | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tscrypt-client-'));
  socket = join(directory, 's');
});
afterEach(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  await rm(directory, { recursive: true });
});

const uri = (): string => formatNbdUri({ tls: false, address: { socket }, exportName: 'disk' });

/** A server that says what the test wants: `transmit` gets each request's header. */
async function script(options: {
  hello?: Uint8Array;
  go?: Uint8Array[];
  transmit?: (header: ReturnType<typeof nbd.Request.decode>, connection: net.Socket) => void;
}): Promise<void> {
  const hello =
    options.hello ??
    nbd.ServerHello.encode({ magic: nbd.NBDMAGIC, optionMagic: nbd.IHAVEOPT, handshakeFlags: 3 });
  server = net.createServer((connection) => {
    let pending: Buffer = Buffer.alloc(0);
    let phase: 'flags' | 'options' | 'transmission' = 'flags';
    connection.on('error', () => {});
    connection.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        if (phase === 'flags') {
          if (pending.length < 4) return;
          pending = pending.subarray(4);
          phase = 'options';
        } else if (phase === 'options') {
          if (pending.length < 16) return;
          const { option, length } = nbd.OptionHeader.decode(pending);
          if (pending.length < 16 + length) return;
          pending = pending.subarray(16 + length);
          if (option === nbd.NBD_OPT_GO) {
            connection.write(Buffer.concat(options.go ?? acceptGo()));
            phase = 'transmission';
          } else {
            connection.write(
              optionReply(
                option,
                option === nbd.NBD_OPT_STRUCTURED_REPLY ? nbd.NBD_REP_ACK : nbd.NBD_REP_ERR_UNSUP,
              ),
            );
          }
        } else {
          if (pending.length < nbd.Request.size) return;
          const header = nbd.Request.decode(pending);
          pending = pending.subarray(
            nbd.Request.size + (header.type === nbd.NBD_CMD_WRITE ? header.length : 0),
          );
          if (header.type === nbd.NBD_CMD_DISC) connection.end();
          else options.transmit?.(header, connection);
        }
      }
    });
    connection.write(hello);
  });
  await new Promise<void>((resolve) => server!.listen(socket, resolve));
}

function optionReply(option: number, type: number, data: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([
    nbd.OptionReplyHeader.encode({ magic: nbd.NBD_REP_MAGIC, option, type, length: data.length }),
    data,
  ]);
}

function acceptGo(
  transmissionFlags = nbd.NBD_FLAG_HAS_FLAGS,
  blockSizes?: [number, number, number],
): Buffer[] {
  const go = nbd.NBD_OPT_GO;
  const info = nbd.InfoExport.encode({
    type: nbd.NBD_INFO_EXPORT,
    size: 1024 * 1024 + 100,
    transmissionFlags,
  });
  return [
    optionReply(go, nbd.NBD_REP_INFO, info),
    ...(blockSizes
      ? [
          optionReply(
            go,
            nbd.NBD_REP_INFO,
            Buffer.concat([u16(nbd.NBD_INFO_BLOCK_SIZE), ...blockSizes.map(u32)]),
          ),
        ]
      : []),
    optionReply(go, nbd.NBD_REP_ACK),
  ];
}

function chunk(cookie: bigint, type: number, payload: Uint8Array, flags = nbd.NBD_REPLY_FLAG_DONE): Buffer {
  return Buffer.concat([
    nbd.StructuredReply.encode({
      magic: nbd.NBD_STRUCTURED_REPLY_MAGIC,
      flags,
      type,
      cookie,
      length: payload.length,
    }),
    payload,
  ]);
}

function data(offset: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([u32(0), u32(offset), bytes]);
}

describe('the NBD client', () => {
  it('says why there is no connection', async () => {
    expect(await codeOf(() => connectNbd(uri()))).toBe('NO_SUCH_DEVICE');
    expect(await codeOf(() => connectNbd('nbd://127.0.0.1:1/x'))).toBe('CONNECTION_LOST');
    expect(await codeOf(() => connectNbd('nbd+unix:///x'))).toBe('INVALID_ARGUMENT');
    await script({ hello: Buffer.from('SSH-2.0-OpenSSH_9.2p1 Debian') });
    expect(await codeOf(() => connectNbd(uri()))).toBe('PROTOCOL_ERROR');
  });

  it('gives up on a server that says nothing', async () => {
    await script({ hello: new Uint8Array(0) });
    expect(await codeOf(() => connectNbd(uri(), { timeout: 50 }))).toBe('CONNECTION_LOST');
  });

  it('learns that an export does not exist, and which do', async () => {
    const fixture = await serveOnUnixSocket(new MemoryDevice(4096), { description: 'eine Platte' });
    expect(await codeOf(() => connectNbd(fixture.uri('none')))).toBe('NO_SUCH_DEVICE');
    expect(await listNbdExports(fixture.uri(''))).toEqual([{ name: 'disk', description: 'eine Platte' }]);
    await fixture.cleanup();
  });

  it('refuses impossible block sizes', async () => {
    for (const sizes of [
      [3, 4096, 65536],
      [2 ** 17, 2 ** 17, 2 ** 20],
      [512, 1000, 65536],
      [4096, 4096, 512],
    ] as const) {
      await script({ go: acceptGo(1, [...sizes]) });
      expect(await codeOf(() => connectNbd(uri()))).toBe('PROTOCOL_ERROR');
      await new Promise((resolve) => server!.close(resolve));
    }
  });

  it('takes block sizes, flags and size from the server', async () => {
    await script({ go: acceptGo(nbd.NBD_FLAG_HAS_FLAGS | nbd.NBD_FLAG_READ_ONLY, [1, 8192, 1024 * 1024]) });
    const device = await connectNbd(uri());
    expect(device.readOnly).toBe(true);
    expect(device.size).toBe(1024 * 1024);
    expect(device.limits).toMatchObject({
      logicalBlockSize: 512,
      physicalBlockSize: 8192,
      maxIoSize: 1024 * 1024,
    });
    expect(await codeOf(() => device.write(0, new Uint8Array(512)))).toBe('READ_ONLY');
    await device.close();
  });

  it('fails everything under way when the connection is lost, and everything after', async () => {
    let requests = 0;
    await script({
      transmit: (_header, connection) => {
        requests += 1;
        if (requests === 8) connection.destroy();
      },
    });
    const device = await connectNbd(uri());
    const codes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => codeOf(() => device.read(index * 512, new Uint8Array(512)))),
    );
    expect(codes.every((code) => code === 'CONNECTION_LOST')).toBe(true);
    expect(await codeOf(() => device.write(0, new Uint8Array(512)))).toBe('CONNECTION_LOST');
    await device.close();
  });

  it('needs a buffer for as long as it is being sent, whatever the server says meanwhile', async () => {
    const content = pattern(8 * 1024 * 1024, 5);
    const received: Buffer[] = [];
    let connection: net.Socket | undefined;
    const size = content.length;
    const info = nbd.InfoExport.encode({ type: nbd.NBD_INFO_EXPORT, size, transmissionFlags: 1 });
    const go = nbd.NBD_OPT_GO;
    await script({
      go: [optionReply(go, nbd.NBD_REP_INFO, info), optionReply(go, nbd.NBD_REP_ACK)],
      transmit: ({ type, cookie }, from) => {
        if (type !== nbd.NBD_CMD_READ) return;
        // From here on the payload of the write with the next cookie comes; it is not looked at now.
        connection = from;
        from.removeAllListeners('data');
        from.pause();
        const written = nbd.SimpleReply.encode({
          magic: nbd.NBD_SIMPLE_REPLY_MAGIC,
          error: 0,
          cookie: cookie + 1n,
        });
        const read = chunk(cookie, nbd.NBD_REPLY_TYPE_OFFSET_DATA, data(0, new Uint8Array(512)));
        from.write(Buffer.concat([written, read]));
      },
    });
    const device = await connectNbd(uri());
    const reading = device.read(0, new Uint8Array(512));
    let done = false;
    const buffer = content.slice();
    const writing = Promise.resolve(device.write(0, buffer)).then(() => {
      done = true;
      // Now it is the caller's again.
      buffer.fill(0);
    });
    await reading;
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    connection?.on('data', (bytes) => received.push(bytes));
    connection?.resume();
    await writing;
    await device.close();
    // What came with the headers is not in it, the farewell is.
    const rest = Buffer.concat(received).subarray(0, -nbd.Request.size);
    expect(rest.length).toBeGreaterThan(size / 2);
    expectBytes(rest, content.subarray(size - rest.length));
  });

  it('assembles chunks in any order, holes among them', async () => {
    const content = pattern(4096, 3);
    content.fill(0, 1024, 2048);
    await script({
      transmit: ({ cookie, offset }, connection) => {
        const at = Number(offset);
        connection.write(
          Buffer.concat([
            chunk(cookie, nbd.NBD_REPLY_TYPE_OFFSET_DATA, data(at + 2048, content.subarray(2048)), 0),
            chunk(
              cookie,
              nbd.NBD_REPLY_TYPE_OFFSET_HOLE,
              Buffer.concat([u32(0), u32(at + 1024), u32(1024)]),
              0,
            ),
            chunk(cookie, nbd.NBD_REPLY_TYPE_OFFSET_DATA, data(at, content.subarray(0, 1024)), 0),
            chunk(cookie, nbd.NBD_REPLY_TYPE_NONE, new Uint8Array(0)),
          ]),
        );
      },
    });
    const device = await connectNbd(uri());
    const into = new Uint8Array(4096).fill(7);
    await device.read(8192, into);
    expectBytes(into, content);
    await device.close();
  });

  const ok = new Uint8Array(512);
  it.each<[string, (cookie: bigint) => Uint8Array]>([
    ['a wrong magic number', () => Buffer.alloc(16, 3)],
    [
      'a reply to nothing',
      (cookie) =>
        nbd.SimpleReply.encode({ magic: nbd.NBD_SIMPLE_REPLY_MAGIC, error: 0, cookie: cookie + 1n }),
    ],
    [
      'a simple reply to a read',
      (cookie) => nbd.SimpleReply.encode({ magic: nbd.NBD_SIMPLE_REPLY_MAGIC, error: 0, cookie }),
    ],
    ['data before the range', (cookie) => chunk(cookie, nbd.NBD_REPLY_TYPE_OFFSET_DATA, data(0, ok))],
    [
      'data behind the range',
      (cookie) => chunk(cookie, nbd.NBD_REPLY_TYPE_OFFSET_DATA, data(8192 + 512, ok)),
    ],
    [
      'too much data',
      (cookie) => chunk(cookie, nbd.NBD_REPLY_TYPE_OFFSET_DATA, data(8192, new Uint8Array(1024))),
    ],
    [
      'too little data',
      (cookie) => chunk(cookie, nbd.NBD_REPLY_TYPE_OFFSET_DATA, data(8192, new Uint8Array(100))),
    ],
    ['no data', (cookie) => chunk(cookie, nbd.NBD_REPLY_TYPE_NONE, new Uint8Array(0))],
    ['an unknown chunk', (cookie) => chunk(cookie, 77, new Uint8Array(4))],
    [
      'status nobody asked for',
      (cookie) => chunk(cookie, nbd.NBD_REPLY_TYPE_BLOCK_STATUS, new Uint8Array(12)),
    ],
    [
      'a broken error',
      (cookie) => chunk(cookie, nbd.NBD_REPLY_TYPE_ERROR, Buffer.concat([u32(5), u16(100)])),
    ],
    [
      'a chunk of 4 GiB',
      (cookie) =>
        nbd.StructuredReply.encode({
          magic: nbd.NBD_STRUCTURED_REPLY_MAGIC,
          flags: 1,
          type: 5,
          cookie,
          length: 0xffff_ffff,
        }),
    ],
  ])('drops a server that answers with %s', async (_what, reply) => {
    await script({ transmit: ({ cookie }, connection) => connection.write(reply(cookie)) });
    const device = await connectNbd(uri());
    expect(await codeOf(() => device.read(8192, new Uint8Array(512)))).toBe('PROTOCOL_ERROR');
    await device.close();
  });

  it('maps the errors of the protocol', async () => {
    let error = 0;
    await script({
      transmit: ({ cookie }, connection) =>
        connection.write(nbd.SimpleReply.encode({ magic: nbd.NBD_SIMPLE_REPLY_MAGIC, error, cookie })),
    });
    const device = await connectNbd(uri());
    const found: Record<number, unknown> = {};
    for (error of [0, 1, 5, 12, 22, 28, 95, 108, 999])
      found[error] = await codeOf(() => device.write(0, new Uint8Array(512)));
    expect(found).toEqual({
      0: undefined,
      1: 'PERMISSION_DENIED',
      5: 'IO_ERROR',
      12: 'OUT_OF_MEMORY',
      22: 'INVALID_ARGUMENT',
      28: 'NO_SPACE',
      95: 'NOT_SUPPORTED',
      108: 'CONNECTION_LOST',
      999: 'INVALID_ARGUMENT',
    });
    await device.close();
  });

  it('is what openDevice opens for URIs', async () => {
    const memory = new MemoryDevice(pattern(8192, 5));
    const fixture = await serveOnUnixSocket(memory);
    const device = await openDevice(fixture.uri(), { readOnly: true });
    const into = new Uint8Array(512);
    await device.read(512, into);
    expectBytes(into, memory.content.slice(512, 1024));
    await device.close();
    await fixture.cleanup();
    expect(await codeOf(() => openDevice(join(directory, 'none')))).toBe('NO_SUCH_DEVICE');
    expect(await codeOf(() => openDevice(directory))).toBe('NO_SUCH_DEVICE');
    expect(await codeOf(() => openDevice('/dev/null'))).toBe('NO_SUCH_DEVICE');
  });
});
