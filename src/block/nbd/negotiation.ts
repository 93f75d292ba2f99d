import type { Duplex } from 'node:stream';
import { fromSystemError, TscryptError } from '../../errors.ts';
import * as nbd from './protocol.ts';

/** What a server says of an export before the transmission phase. */
export interface ExportProperties {
  /** Bytes. */
  readonly size: number;
  readonly transmissionFlags: number;
  readonly minimumBlockSize: number;
  readonly preferredBlockSize: number;
  readonly maximumBlockSize: number;
  readonly structuredReplies: boolean;
  /** The id of base:allocation, if the server has it. */
  readonly allocationContext: number | undefined;
}

interface OptionReply {
  readonly type: number;
  readonly data: Buffer;
}

/** Longest option reply that is taken: an export's name and description, with room to spare. */
const MAX_REPLY = 64 * 1024;
/** Replies to one option; a listing may be long, but not without end. */
const MAX_REPLIES = 65536;

/** The client's side of the handshake phase ("Fixed newstyle negotiation"). */
export class Negotiation {
  readonly #server: string;
  #stream: Duplex;
  #reader: StreamReader;
  #noZeroes = false;

  /** @param server how the server is called in error messages */
  constructor(stream: Duplex, server: string) {
    this.#stream = stream;
    this.#server = server;
    this.#reader = new StreamReader(stream, server);
  }

  async hello(): Promise<void> {
    const { magic, optionMagic, handshakeFlags } = nbd.ServerHello.decode(
      await this.#reader.take(nbd.ServerHello.size),
    );
    if (magic !== nbd.NBDMAGIC || optionMagic !== nbd.IHAVEOPT) throw this.#nonsense('not an NBD server');
    if ((handshakeFlags & nbd.NBD_FLAG_FIXED_NEWSTYLE) === 0) {
      throw new TscryptError('NOT_SUPPORTED', `${this.#server} does not speak fixed newstyle NBD.`, {
        details: { server: this.#server },
      });
    }
    this.#noZeroes = (handshakeFlags & nbd.NBD_FLAG_NO_ZEROES) !== 0;
    const flags = Buffer.alloc(4);
    flags.writeUInt32BE(nbd.NBD_FLAG_C_FIXED_NEWSTYLE | (this.#noZeroes ? nbd.NBD_FLAG_C_NO_ZEROES : 0));
    this.#stream.write(flags);
  }

  /** Asks for TLS; `upgrade` then makes a secure stream of the plain one. */
  async startTls(upgrade: (plain: Duplex) => Promise<Duplex>): Promise<Duplex> {
    const reply = await this.#single(nbd.NBD_OPT_STARTTLS);
    if (reply.type !== nbd.NBD_REP_ACK) throw this.#refused(reply, 'TLS');
    if (this.#reader.release().length > 0) throw this.#nonsense('data in the clear after TLS was agreed on');
    this.#stream = await upgrade(this.#stream);
    this.#reader = new StreamReader(this.#stream, this.#server);
    return this.#stream;
  }

  /** NBD_OPT_LIST */
  async list(): Promise<{ name: string; description: string }[]> {
    const exports: { name: string; description: string }[] = [];
    const last = await this.#ask(nbd.NBD_OPT_LIST, Buffer.alloc(0), ({ type, data }) => {
      if (type !== nbd.NBD_REP_SERVER || data.length < 4) throw this.#nonsense('a broken list of exports');
      const end = 4 + data.readUInt32BE(0);
      if (end > data.length) throw this.#nonsense('a broken list of exports');
      exports.push({ name: data.toString('utf8', 4, end), description: data.toString('utf8', end) });
    });
    if (last.type !== nbd.NBD_REP_ACK) throw this.#refused(last, 'the list of exports');
    return exports;
  }

  /** NBD_OPT_ABORT, without waiting for the answer. */
  abort(): void {
    this.#send(nbd.NBD_OPT_ABORT, Buffer.alloc(0));
  }

  /** Agrees on everything useful and enters the transmission phase. Returns what came behind the handshake. */
  async go(exportName: string): Promise<{ properties: ExportProperties; rest: Buffer }> {
    const structured = await this.#single(nbd.NBD_OPT_STRUCTURED_REPLY);
    const structuredReplies = structured.type === nbd.NBD_REP_ACK;
    const allocationContext = structuredReplies ? await this.#selectAllocation(exportName) : undefined;
    const found = { size: -1, flags: 0, minimum: 1, preferred: 4096, maximum: nbd.NBD_MAX_PAYLOAD };
    const last = await this.#ask(nbd.NBD_OPT_GO, infoRequest(exportName), ({ type, data }) => {
      if (type !== nbd.NBD_REP_INFO || data.length < 2)
        throw this.#nonsense('a broken description of the export');
      const information = data.readUInt16BE(0);
      if (information === nbd.NBD_INFO_EXPORT) {
        const { size, transmissionFlags } = nbd.InfoExport.decode(data);
        found.size = size;
        found.flags = transmissionFlags;
      } else if (information === nbd.NBD_INFO_BLOCK_SIZE) {
        Object.assign(found, nbd.InfoBlockSize.decode(data));
      }
    });
    if (last.type === nbd.NBD_REP_ERR_UNSUP) {
      const { size, transmissionFlags } = await this.#exportName(exportName);
      found.size = size;
      found.flags = transmissionFlags;
    } else if (last.type !== nbd.NBD_REP_ACK) {
      throw this.#refused(last, `export "${exportName}"`);
    }
    if (found.size < 0) throw this.#nonsense('no size for the export');
    const properties: ExportProperties = {
      size: found.size,
      transmissionFlags: found.flags,
      minimumBlockSize: found.minimum,
      preferredBlockSize: found.preferred,
      maximumBlockSize: found.maximum,
      structuredReplies,
      allocationContext,
    };
    return { properties, rest: this.#reader.release() };
  }

  async #selectAllocation(exportName: string): Promise<number | undefined> {
    let id: number | undefined;
    const last = await this.#ask(
      nbd.NBD_OPT_SET_META_CONTEXT,
      metaContextRequest(exportName, nbd.NBD_META_BASE_ALLOCATION),
      ({ type, data }) => {
        if (type !== nbd.NBD_REP_META_CONTEXT || data.length < 4)
          throw this.#nonsense('a broken metadata context');
        if (data.toString('utf8', 4) === nbd.NBD_META_BASE_ALLOCATION) id = data.readUInt32BE(0);
      },
    );
    return last.type === nbd.NBD_REP_ACK ? id : undefined;
  }

  /** For servers without NBD_OPT_GO. A refusal shows as the end of the connection. */
  async #exportName(exportName: string): Promise<{ size: number; transmissionFlags: number }> {
    this.#send(nbd.NBD_OPT_EXPORT_NAME, Buffer.from(exportName));
    const reply = nbd.ExportNameReply.decode(await this.#reader.take(nbd.ExportNameReply.size));
    if (!this.#noZeroes) await this.#reader.take(nbd.EXPORT_NAME_PADDING);
    return reply;
  }

  /** An option that has one reply. */
  #single(option: number): Promise<OptionReply> {
    return this.#ask(option, Buffer.alloc(0), () => {
      throw this.#nonsense('an unexpected reply');
    });
  }

  /** Sends an option; `each` gets the replies before the final one, which is returned. */
  async #ask(option: number, data: Buffer, each: (reply: OptionReply) => void): Promise<OptionReply> {
    this.#send(option, data);
    for (let count = 0; count < MAX_REPLIES; count += 1) {
      const header = nbd.OptionReplyHeader.decode(await this.#reader.take(nbd.OptionReplyHeader.size));
      if (header.magic !== nbd.NBD_REP_MAGIC || header.option !== option)
        throw this.#nonsense('an unexpected reply');
      if (header.length > MAX_REPLY) throw this.#nonsense('an oversized reply');
      const reply = { type: header.type, data: await this.#reader.take(header.length) };
      if (reply.type === nbd.NBD_REP_ACK || reply.type >= nbd.NBD_REP_FLAG_ERROR) return reply;
      each(reply);
    }
    throw this.#nonsense('replies without end');
  }

  #send(option: number, data: Buffer): void {
    const header = nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option, length: data.length });
    this.#stream.write(Buffer.concat([header, data]));
  }

  #refused(reply: OptionReply, what: string): TscryptError {
    const text = reply.data.length > 0 ? ` (${JSON.stringify(reply.data.toString('utf8', 0, 4096))})` : '';
    const message = `${this.#server} refuses ${what}${text}.`;
    const details = { server: this.#server, reply: reply.type };
    switch (reply.type) {
      case nbd.NBD_REP_ERR_UNKNOWN:
        return new TscryptError('NO_SUCH_DEVICE', message, { details });
      case nbd.NBD_REP_ERR_TLS_REQD:
        return new TscryptError('PERMISSION_DENIED', message, { details, hint: 'Use an nbds URI.' });
      case nbd.NBD_REP_ERR_POLICY:
        return new TscryptError('PERMISSION_DENIED', message, { details });
      case nbd.NBD_REP_ERR_SHUTDOWN:
        return new TscryptError('CONNECTION_LOST', message, { details });
      case nbd.NBD_REP_ERR_UNSUP:
      case nbd.NBD_REP_ERR_PLATFORM:
        return new TscryptError('NOT_SUPPORTED', message, { details });
      default:
        return new TscryptError('PROTOCOL_ERROR', message, { details });
    }
  }

  #nonsense(what: string): TscryptError {
    return new TscryptError('PROTOCOL_ERROR', `${this.#server} sent ${what}.`, {
      details: { server: this.#server },
    });
  }
}

function infoRequest(exportName: string): Buffer {
  const name = Buffer.from(exportName);
  const data = Buffer.alloc(4 + name.length + 4);
  data.writeUInt32BE(name.length, 0);
  name.copy(data, 4);
  data.writeUInt16BE(1, 4 + name.length);
  data.writeUInt16BE(nbd.NBD_INFO_BLOCK_SIZE, 6 + name.length);
  return data;
}

function metaContextRequest(exportName: string, query: string): Buffer {
  const name = Buffer.from(exportName);
  const text = Buffer.from(query);
  const data = Buffer.alloc(12 + name.length + text.length);
  data.writeUInt32BE(name.length, 0);
  name.copy(data, 4);
  data.writeUInt32BE(1, 4 + name.length);
  data.writeUInt32BE(text.length, 8 + name.length);
  text.copy(data, 12 + name.length);
  return data;
}

/** Takes so many bytes at a time from a stream; only the handshake is read this way. */
class StreamReader {
  readonly #stream: Duplex;
  readonly #server: string;
  #buffered: Buffer = Buffer.alloc(0);
  #wanted: { length: number; resolve: (bytes: Buffer) => void; reject: (error: unknown) => void } | undefined;
  #ended: TscryptError | undefined;

  constructor(stream: Duplex, server: string) {
    this.#stream = stream;
    this.#server = server;
    stream.on('data', this.#onData);
    stream.on('error', this.#onError);
    stream.on('close', this.#onClose);
    stream.resume();
  }

  take(length: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#wanted = { length, resolve, reject };
      this.#serve();
    });
  }

  /** Stops reading; what was read and not taken is returned. */
  release(): Buffer {
    this.#stream.pause();
    this.#stream.off('data', this.#onData);
    this.#stream.off('error', this.#onError);
    this.#stream.off('close', this.#onClose);
    const rest = this.#buffered;
    this.#buffered = Buffer.alloc(0);
    return rest;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#buffered = Buffer.concat([this.#buffered, chunk]);
    // Nobody has asked for this much: the server talks without being asked.
    if (this.#buffered.length > 2 * MAX_REPLY) this.#stream.destroy();
    this.#serve();
  };

  readonly #onError = (error: unknown): void => {
    this.#ended ??= streamError(error, this.#server);
    this.#serve();
  };

  readonly #onClose = (): void => {
    this.#ended ??= new TscryptError('CONNECTION_LOST', `${this.#server} closed the connection.`, {
      details: { server: this.#server },
    });
    this.#serve();
  };

  #serve(): void {
    const wanted = this.#wanted;
    if (!wanted) return;
    if (this.#buffered.length >= wanted.length) {
      this.#wanted = undefined;
      const taken = this.#buffered.subarray(0, wanted.length);
      this.#buffered = this.#buffered.subarray(wanted.length);
      wanted.resolve(taken);
    } else if (this.#ended) {
      this.#wanted = undefined;
      wanted.reject(this.#ended);
    }
  }
}

/** What a stream of ours failed with; what TLS says of certificates has no errno. */
export function streamError(error: unknown, server: string): TscryptError {
  const { code = '', message = '' } = (error ?? {}) as NodeJS.ErrnoException;
  if (/^E[A-Z]+$/.test(code)) return fromSystemError(error, `Connection to ${server}`, { server });
  return new TscryptError('PERMISSION_DENIED', `TLS with ${server} failed: ${message}.`, {
    details: { server },
    cause: error,
  });
}
