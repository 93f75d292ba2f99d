import net from 'node:net';
import * as nbd from '../../src/block/nbd/protocol.ts';

/** Speaks NBD byte by byte, so that tests can say things no real client would. */
export class RawNbdClient {
  readonly socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;
  #wake: (() => void)[] = [];

  private constructor(socket: net.Socket) {
    this.socket = socket;
    const wake = (): void => {
      for (const resolve of this.#wake.splice(0)) resolve();
    };
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      wake();
    });
  }

  static async connect(address: net.NetConnectOpts): Promise<RawNbdClient> {
    const socket = net.connect(address);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawNbdClient(socket);
  }

  /** A connection that is past the handshake, or needs none. */
  static over(socket: net.Socket): RawNbdClient {
    return new RawNbdClient(socket);
  }

  /** Connected, server's hello checked, client flags sent. */
  static async greet(address: net.NetConnectOpts, clientFlags = 3): Promise<RawNbdClient> {
    const client = await RawNbdClient.connect(address);
    await client.take(nbd.ServerHello.size);
    client.send(u32(clientFlags));
    return client;
  }

  send(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** The next `length` bytes; fails when the connection ends before. */
  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#closed)
        throw new Error(`connection closed, ${this.#received.length} of ${length} bytes there`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  /** Resolves when the server has closed the connection; returns what it sent before. */
  async closed(): Promise<Buffer> {
    while (!this.#closed) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.#received;
  }

  /** Sends an option and collects its replies up to the final one. */
  async option(
    option: number,
    data: Uint8Array = new Uint8Array(0),
  ): Promise<{ type: number; data: Buffer }[]> {
    this.send(nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option, length: data.length }), data);
    const replies: { type: number; data: Buffer }[] = [];
    for (;;) {
      const header = nbd.OptionReplyHeader.decode(await this.take(nbd.OptionReplyHeader.size));
      if (header.magic !== nbd.NBD_REP_MAGIC || header.option !== option)
        throw new Error('not a reply to this option');
      replies.push({ type: header.type, data: await this.take(header.length) });
      if (header.type === nbd.NBD_REP_ACK || header.type >= nbd.NBD_REP_FLAG_ERROR) return replies;
    }
  }

  async go(name: string, structured: boolean): Promise<void> {
    if (structured) await this.option(nbd.NBD_OPT_STRUCTURED_REPLY);
    const replies = await this.option(nbd.NBD_OPT_GO, infoRequest(name));
    if (replies.at(-1)?.type !== nbd.NBD_REP_ACK) throw new Error(`refused: ${replies.at(-1)?.type}`);
  }

  request(
    type: number,
    offset: number | bigint,
    length: number,
    options: { flags?: number; cookie?: bigint } = {},
  ): void {
    this.send(request(type, offset, length, options));
  }

  /** A simple reply: cookie and error. */
  async simple(): Promise<{ cookie: bigint; error: number }> {
    const { magic, error, cookie } = nbd.SimpleReply.decode(await this.take(nbd.SimpleReply.size));
    if (magic !== nbd.NBD_SIMPLE_REPLY_MAGIC) throw new Error('not a simple reply');
    return { cookie, error };
  }

  async chunk(): Promise<{ cookie: bigint; flags: number; type: number; payload: Buffer }> {
    const header = nbd.StructuredReply.decode(await this.take(nbd.StructuredReply.size));
    if (header.magic !== nbd.NBD_STRUCTURED_REPLY_MAGIC) throw new Error('not a structured reply');
    const { cookie, flags, type } = header;
    return { cookie, flags, type, payload: await this.take(header.length) };
  }
}

export function request(
  type: number,
  offset: number | bigint,
  length: number,
  { flags = 0, cookie = 1n }: { flags?: number; cookie?: bigint } = {},
): Uint8Array {
  return nbd.Request.encode({
    magic: nbd.NBD_REQUEST_MAGIC,
    flags,
    type,
    cookie,
    offset: BigInt(offset),
    length,
  });
}

export function infoRequest(name: string, informationTypes: readonly number[] = []): Buffer {
  const bytes = Buffer.from(name);
  return Buffer.concat([
    u32(bytes.length),
    bytes,
    u16(informationTypes.length),
    ...informationTypes.map(u16),
  ]);
}

export function metaContextRequest(name: string, queries: readonly string[]): Buffer {
  const text = (value: string): Buffer => Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
  return Buffer.concat([text(name), u32(queries.length), ...queries.map(text)]);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
