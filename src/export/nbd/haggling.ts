import * as nbd from '../../block/nbd/protocol.ts';
import { ALLOCATION_CONTEXT_ID } from './block-status.ts';
import { blockSizes, type NbdExport, transmissionFlags } from './export.ts';
import { type MetaContextRequest, parseInfoRequest, parseMetaContextRequest, parseName } from './options.ts';

/** Where haggling leads. */
export type Outcome =
  | {
      readonly next: 'transmission';
      readonly entry: NbdExport;
      readonly structuredReplies: boolean;
      readonly allocationContext: boolean;
    }
  /** The reply was sent; everything from here on is TLS. */
  | { readonly next: 'tls' }
  /** The session is over: `abrupt` for a breach of the protocol, without waiting for anything. */
  | { readonly next: 'end'; readonly abrupt: boolean };

export interface HagglingOptions {
  /** `none`: no TLS here; `required`: nothing but STARTTLS; `active`: the connection is TLS. */
  readonly tls: 'none' | 'required' | 'active';
  readonly exports: ReadonlyMap<string, NbdExport>;
  /** The server is shutting down. */
  readonly closing: () => boolean;
  readonly write: (bytes: Uint8Array) => void;
}

// Implementation limits.

/** Longest option data that is looked at; longer ones are skipped and refused. */
const MAX_OPTION = 64 * 1024;
/** Options in one session: nobody needs more, somebody could send them for ever. */
const MAX_OPTIONS = 1024;

const BREACH: Outcome = { next: 'end', abrupt: true };
const KNOWN_CLIENT_FLAGS = nbd.NBD_FLAG_C_FIXED_NEWSTYLE | nbd.NBD_FLAG_C_NO_ZEROES;
const EMPTY = new Uint8Array(0);

/** The handshake phase after the server's hello ("Fixed newstyle negotiation"), one option at a time. */
export class Haggling {
  readonly #options: HagglingOptions;
  /** Bytes of the message that is still incomplete. */
  #pending: Buffer = Buffer.alloc(0);
  #noZeroes: boolean | undefined;
  #count = 0;
  /** Bytes of an oversized option still to be thrown away, and the option. */
  #skipping: { option: number; left: number } | undefined;
  #structuredReplies = false;
  /** The export whose base:allocation was selected last. */
  #contextOf: NbdExport | undefined;

  constructor(options: HagglingOptions) {
    this.#options = options;
    // A client in a session that went over to TLS does not say hello again.
    if (options.tls === 'active') this.#noZeroes = true;
  }

  hello(): void {
    const handshakeFlags = nbd.NBD_FLAG_FIXED_NEWSTYLE | nbd.NBD_FLAG_NO_ZEROES;
    this.#options.write(
      nbd.ServerHello.encode({ magic: nbd.NBDMAGIC, optionMagic: nbd.IHAVEOPT, handshakeFlags }),
    );
  }

  /** Client flags and no-zeroes survive the change to TLS, nothing else does. */
  get noZeroes(): boolean {
    return this.#noZeroes ?? false;
  }

  /**
   * Takes bytes from the client; undefined: more are needed. With an outcome, `rest` holds what followed
   * the option that led to it.
   */
  feed(bytes: Uint8Array): { readonly outcome: Outcome; readonly rest: Buffer } | undefined {
    // At most one option of limited length is ever incomplete, so this stays small.
    this.#pending = this.#pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#pending, bytes]);
    for (;;) {
      const before = this.#pending.length;
      const outcome = this.#step();
      if (outcome) return { outcome, rest: this.#pending };
      if (this.#pending.length === before) return undefined;
    }
  }

  /** Looks at one message, if it is all there. */
  #step(): Outcome | undefined {
    if (this.#skipping) return this.#skip(this.#skipping);
    if (this.#noZeroes === undefined) return this.#clientFlags();
    if (this.#pending.length < nbd.OptionHeader.size) return undefined;
    const { magic, option, length } = nbd.OptionHeader.decode(this.#pending);
    if (magic !== nbd.IHAVEOPT) return BREACH;
    if (length > MAX_OPTION) {
      this.#take(nbd.OptionHeader.size);
      this.#skipping = { option, left: length };
      return undefined;
    }
    if (this.#pending.length < nbd.OptionHeader.size + length) return undefined;
    this.#count += 1;
    if (this.#count > MAX_OPTIONS) return BREACH;
    const data = this.#take(nbd.OptionHeader.size + length).subarray(nbd.OptionHeader.size);
    return this.#option(option, data);
  }

  #take(length: number): Buffer {
    const taken = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return taken;
  }

  #skip(skipping: { option: number; left: number }): Outcome | undefined {
    const count = Math.min(skipping.left, this.#pending.length);
    this.#take(count);
    skipping.left -= count;
    if (skipping.left > 0) return undefined;
    this.#skipping = undefined;
    this.#count += 1;
    if (skipping.option === nbd.NBD_OPT_EXPORT_NAME || this.#count > MAX_OPTIONS) return BREACH;
    this.#reply(skipping.option, nbd.NBD_REP_ERR_TOO_BIG);
    return undefined;
  }

  #clientFlags(): Outcome | undefined {
    if (this.#pending.length < 4) return undefined;
    const flags = this.#take(4).readUInt32BE(0);
    if ((flags & ~KNOWN_CLIENT_FLAGS) !== 0) return BREACH;
    this.#noZeroes = (flags & nbd.NBD_FLAG_C_NO_ZEROES) !== 0;
    return undefined;
  }

  #option(option: number, data: Buffer): Outcome | undefined {
    if (option === nbd.NBD_OPT_ABORT) {
      this.#reply(option, nbd.NBD_REP_ACK);
      return { next: 'end', abrupt: false };
    }
    if (option === nbd.NBD_OPT_EXPORT_NAME) return this.#exportName(data);
    if (option === nbd.NBD_OPT_STARTTLS) return this.#startTls(data);
    if (this.#options.tls === 'required') return this.#reply(option, nbd.NBD_REP_ERR_TLS_REQD);
    if (this.#options.closing()) return this.#reply(option, nbd.NBD_REP_ERR_SHUTDOWN);
    switch (option) {
      case nbd.NBD_OPT_LIST:
        return this.#list(data);
      case nbd.NBD_OPT_INFO:
      case nbd.NBD_OPT_GO:
        return this.#info(option, data);
      case nbd.NBD_OPT_STRUCTURED_REPLY:
        if (data.length > 0) return this.#reply(option, nbd.NBD_REP_ERR_INVALID);
        this.#structuredReplies = true;
        return this.#reply(option, nbd.NBD_REP_ACK);
      case nbd.NBD_OPT_LIST_META_CONTEXT:
      case nbd.NBD_OPT_SET_META_CONTEXT:
        return this.#metaContext(option, data);
      default:
        return this.#reply(option, nbd.NBD_REP_ERR_UNSUP);
    }
  }

  #exportName(data: Buffer): Outcome {
    const name = parseName(data);
    const entry = name === undefined || this.#options.closing() ? undefined : this.#find(name);
    // This option knows no error reply: the session ends.
    if (!entry || this.#options.tls === 'required') return BREACH;
    const reply = nbd.ExportNameReply.encode({
      size: entry.device.size,
      transmissionFlags: transmissionFlags(entry, this.#structuredReplies),
    });
    this.#options.write(reply);
    if (!this.#noZeroes) this.#options.write(new Uint8Array(nbd.EXPORT_NAME_PADDING));
    return this.#transmission(entry);
  }

  #startTls(data: Buffer): Outcome | undefined {
    const { tls } = this.#options;
    if (data.length > 0 || tls === 'active') {
      return this.#reply(nbd.NBD_OPT_STARTTLS, nbd.NBD_REP_ERR_INVALID);
    }
    if (tls === 'none') return this.#reply(nbd.NBD_OPT_STARTTLS, nbd.NBD_REP_ERR_POLICY);
    // What follows in the clear was not sent by someone who waited for the reply: it would be taken for
    // what the client says under TLS.
    if (this.#pending.length > 0) return BREACH;
    this.#reply(nbd.NBD_OPT_STARTTLS, nbd.NBD_REP_ACK);
    return { next: 'tls' };
  }

  #list(data: Buffer): undefined {
    if (data.length > 0) return this.#reply(nbd.NBD_OPT_LIST, nbd.NBD_REP_ERR_INVALID);
    for (const entry of this.#options.exports.values()) {
      const name = Buffer.from(entry.name);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(name.length);
      const payload = Buffer.concat([length, name, Buffer.from(entry.description ?? '')]);
      this.#reply(nbd.NBD_OPT_LIST, nbd.NBD_REP_SERVER, payload);
    }
    return this.#reply(nbd.NBD_OPT_LIST, nbd.NBD_REP_ACK);
  }

  #info(option: number, data: Buffer): Outcome | undefined {
    const request = parseInfoRequest(data);
    if (!request) return this.#reply(option, nbd.NBD_REP_ERR_INVALID);
    const entry = this.#find(request.exportName);
    if (!entry) return this.#reply(option, nbd.NBD_REP_ERR_UNKNOWN);
    const { informationTypes } = request;
    this.#reply(
      option,
      nbd.NBD_REP_INFO,
      nbd.InfoExport.encode({
        type: nbd.NBD_INFO_EXPORT,
        size: entry.device.size,
        transmissionFlags: transmissionFlags(entry, this.#structuredReplies),
      }),
    );
    if (informationTypes.has(nbd.NBD_INFO_NAME)) this.#infoText(option, nbd.NBD_INFO_NAME, entry.name);
    if (informationTypes.has(nbd.NBD_INFO_DESCRIPTION) && entry.description !== undefined) {
      this.#infoText(option, nbd.NBD_INFO_DESCRIPTION, entry.description);
    }
    if (informationTypes.has(nbd.NBD_INFO_BLOCK_SIZE)) {
      const sizes = nbd.InfoBlockSize.encode({ type: nbd.NBD_INFO_BLOCK_SIZE, ...blockSizes(entry.device) });
      this.#reply(option, nbd.NBD_REP_INFO, sizes);
    }
    this.#reply(option, nbd.NBD_REP_ACK);
    return option === nbd.NBD_OPT_GO ? this.#transmission(entry) : undefined;
  }

  #infoText(option: number, type: number, text: string): void {
    const payload = Buffer.alloc(2 + Buffer.byteLength(text));
    payload.writeUInt16BE(type);
    payload.write(text, 2);
    this.#reply(option, nbd.NBD_REP_INFO, payload);
  }

  #metaContext(option: number, data: Buffer): undefined {
    const setting = option === nbd.NBD_OPT_SET_META_CONTEXT;
    if (setting) this.#contextOf = undefined;
    const request = parseMetaContextRequest(data);
    if (!request || !this.#structuredReplies) return this.#reply(option, nbd.NBD_REP_ERR_INVALID);
    const entry = this.#find(request.exportName);
    if (!entry) return this.#reply(option, nbd.NBD_REP_ERR_UNKNOWN);
    if (setting ? selectsAllocation(request) : listsAllocation(request)) {
      const name = Buffer.from(nbd.NBD_META_BASE_ALLOCATION);
      const id = Buffer.alloc(4);
      id.writeUInt32BE(setting ? ALLOCATION_CONTEXT_ID : 0);
      this.#reply(option, nbd.NBD_REP_META_CONTEXT, Buffer.concat([id, name]));
      if (setting) this.#contextOf = entry;
    }
    return this.#reply(option, nbd.NBD_REP_ACK);
  }

  #transmission(entry: NbdExport): Outcome {
    return {
      next: 'transmission',
      entry,
      structuredReplies: this.#structuredReplies,
      allocationContext: this.#contextOf === entry,
    };
  }

  /** The empty name is the default export: the only one there is. */
  #find(name: string): NbdExport | undefined {
    const { exports } = this.#options;
    const found = exports.get(name);
    if (found || name !== '' || exports.size !== 1) return found;
    return exports.values().next().value;
  }

  #reply(option: number, type: number, payload: Uint8Array = EMPTY): undefined {
    const header = nbd.OptionReplyHeader.encode({
      magic: nbd.NBD_REP_MAGIC,
      option,
      type,
      length: payload.length,
    });
    this.#options.write(payload.length === 0 ? header : Buffer.concat([header, payload]));
    return undefined;
  }
}

function selectsAllocation(request: MetaContextRequest): boolean {
  return request.queries.includes(nbd.NBD_META_BASE_ALLOCATION);
}

/** No query asks for everything, `base:` for everything in that namespace. */
function listsAllocation(request: MetaContextRequest): boolean {
  return request.queries.length === 0 || request.queries.includes('base:') || selectsAllocation(request);
}
