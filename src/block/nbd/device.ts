import { TscryptError } from '../../errors.ts';
import { alignDown, isPowerOfTwo } from '../../units.ts';
import {
  type BlockDevice,
  DEFAULT_LIMITS,
  type Extent,
  type Features,
  type Limits,
  type WriteOptions,
  type WriteZeroesOptions,
} from '../device.ts';
import { checkRead, checkWrite, closedError } from '../request-check.ts';
import type { NbdConnection } from './connection.ts';
import type { ExportProperties } from './negotiation.ts';
import * as nbd from './protocol.ts';

/** Longest discard in one request: the length field has 32 bits. */
const MAX_DISCARD = 2 ** 30;
const ZEROES = new Uint8Array(256 * 1024);

/** An export of an NBD server as a block device. Requests longer than the server takes go in several, at once. */
export class NbdDevice implements BlockDevice {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
  readonly extents?: (offset: number, length: number) => Promise<Extent[]>;
  readonly #connection: NbdConnection;
  readonly #flags: number;
  #closing: Promise<void> | undefined;

  /** @throws TscryptError PROTOCOL_ERROR when the server's block sizes break the protocol's rules */
  constructor(name: string, connection: NbdConnection, properties: ExportProperties, readOnly: boolean) {
    const { transmissionFlags } = properties;
    this.name = name;
    this.limits = limitsOf(name, properties);
    this.size = alignDown(properties.size, this.limits.logicalBlockSize);
    this.readOnly = readOnly || (transmissionFlags & nbd.NBD_FLAG_READ_ONLY) !== 0;
    this.features = {
      discard: (transmissionFlags & nbd.NBD_FLAG_SEND_TRIM) !== 0,
      // Offered does not mean that it succeeds: a server says no to each request that would be slow.
      fastZeroes: false,
      multiConnection: (transmissionFlags & nbd.NBD_FLAG_CAN_MULTI_CONN) !== 0,
    };
    this.#connection = connection;
    this.#flags = transmissionFlags;
    const context = properties.allocationContext;
    if (context !== undefined) this.extents = (offset, length) => this.#extents(context, offset, length);
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    this.#checkOpen();
    checkRead(this, offset, into.length);
    return this.#inPieces(into.length, this.limits.maxIoSize, (at, length) =>
      this.#connection.request(
        nbd.NBD_CMD_READ,
        0,
        offset + at,
        length,
        undefined,
        into.subarray(at, at + length),
      ),
    );
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): Promise<void> {
    this.#checkOpen();
    checkWrite(this, offset, from.length);
    const fua = options?.fua ?? false;
    const done = this.#inPieces(from.length, this.limits.maxIoSize, (at, length) =>
      this.#connection.request(
        nbd.NBD_CMD_WRITE,
        this.#fuaFlag(fua),
        offset + at,
        length,
        from.subarray(at, at + length),
      ),
    );
    return this.#stable(done, fua);
  }

  async flush(): Promise<void> {
    this.#checkOpen();
    // A server without it keeps nothing back.
    if ((this.#flags & nbd.NBD_FLAG_SEND_FLUSH) === 0) return;
    await this.#connection.request(nbd.NBD_CMD_FLUSH, 0, 0, 0);
  }

  discard(offset: number, length: number): Promise<void> {
    this.#checkOpen();
    checkWrite(this, offset, length);
    if (!this.features.discard) throw this.#unsupported('discard');
    return this.#inPieces(length, MAX_DISCARD, (at, piece) =>
      this.#connection.request(nbd.NBD_CMD_TRIM, 0, offset + at, piece),
    );
  }

  writeZeroes(offset: number, length: number, options: WriteZeroesOptions = {}): Promise<void> {
    this.#checkOpen();
    checkWrite(this, offset, length);
    const fua = options.fua ?? false;
    if (options.fast && (this.#flags & nbd.NBD_FLAG_SEND_FAST_ZERO) === 0) {
      throw this.#unsupported('fast write of zeroes');
    }
    if ((this.#flags & nbd.NBD_FLAG_SEND_WRITE_ZEROES) === 0) {
      return this.#stable(this.#writeZeroBlocks(offset, length), fua);
    }
    let flags = this.#fuaFlag(fua);
    if (options.noHole) flags |= nbd.NBD_CMD_FLAG_NO_HOLE;
    if (options.fast) flags |= nbd.NBD_CMD_FLAG_FAST_ZERO;
    const done = this.#inPieces(length, this.limits.maxIoSize, (at, piece) =>
      this.#connection.request(nbd.NBD_CMD_WRITE_ZEROES, flags, offset + at, piece),
    );
    return this.#stable(done, fua);
  }

  close(): Promise<void> {
    this.#closing ??= this.#connection.close();
    return this.#closing;
  }

  async #extents(context: number, offset: number, length: number): Promise<Extent[]> {
    this.#checkOpen();
    checkRead(this, offset, length);
    if (length === 0) return [];
    const asked = Math.min(length, MAX_DISCARD);
    const payload = await this.#connection.request(nbd.NBD_CMD_BLOCK_STATUS, 0, offset, asked);
    if (!payload || payload.readUInt32BE(0) !== context) throw this.#broken('block status');
    const extents: Extent[] = [];
    let left = length;
    for (let at = 4; at < payload.length && left > 0; at += nbd.BlockStatusDescriptor.size) {
      const descriptor = nbd.BlockStatusDescriptor.decode(payload, at);
      // The last one may reach beyond what was asked for.
      const covered = alignDown(Math.min(descriptor.length, left), this.limits.logicalBlockSize);
      if (covered === 0) throw this.#broken('block status');
      extents.push({
        length: covered,
        hole: (descriptor.status & nbd.NBD_STATE_HOLE) !== 0,
        zero: (descriptor.status & nbd.NBD_STATE_ZERO) !== 0,
      });
      left -= covered;
    }
    return extents;
  }

  async #writeZeroBlocks(offset: number, length: number): Promise<void> {
    for (let at = 0; at < length; at += ZEROES.length) {
      const zeroes = ZEROES.subarray(0, Math.min(ZEROES.length, length - at));
      await this.#connection.request(nbd.NBD_CMD_WRITE, 0, offset + at, zeroes.length, zeroes);
    }
  }

  async #inPieces(
    length: number,
    most: number,
    request: (at: number, length: number) => Promise<unknown>,
  ): Promise<void> {
    if (length === 0) return;
    if (length <= most) {
      await request(0, length);
      return;
    }
    const pieces: Promise<unknown>[] = [];
    for (let at = 0; at < length; at += most) pieces.push(request(at, Math.min(most, length - at)));
    // All of them have to be over before the caller may touch the buffer again.
    const results = await Promise.allSettled(pieces);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #fuaFlag(fua: boolean): number {
    return fua && (this.#flags & nbd.NBD_FLAG_SEND_FUA) !== 0 ? nbd.NBD_CMD_FLAG_FUA : 0;
  }

  /** Where the server has no FUA a flush does the same. */
  #stable(done: Promise<void>, fua: boolean): Promise<void> {
    return fua && this.#fuaFlag(true) === 0 ? done.then(() => this.flush()) : done;
  }

  #checkOpen(): void {
    if (this.#closing) throw closedError(this.name);
  }

  #unsupported(what: string): TscryptError {
    return new TscryptError('NOT_SUPPORTED', `${this.name} has no ${what}.`, {
      details: { device: this.name },
    });
  }

  #broken(what: string): TscryptError {
    return new TscryptError('PROTOCOL_ERROR', `${this.name}: the server sent a broken ${what}.`, {
      details: { device: this.name },
    });
  }
}

function limitsOf(name: string, properties: ExportProperties): Limits {
  const { minimumBlockSize: minimum, preferredBlockSize: preferred, maximumBlockSize: maximum } = properties;
  if (!isPowerOfTwo(minimum) || minimum > 65536 || !isPowerOfTwo(preferred) || maximum < minimum) {
    throw new TscryptError('PROTOCOL_ERROR', `${name}: the server has impossible block sizes.`, {
      details: { device: name, minimum, preferred, maximum },
    });
  }
  const logicalBlockSize = Math.max(DEFAULT_LIMITS.logicalBlockSize, minimum);
  const physicalBlockSize = Math.max(logicalBlockSize, Math.min(preferred, 65536));
  return {
    logicalBlockSize,
    physicalBlockSize,
    ioMin: physicalBlockSize,
    ioOpt: 0,
    maxIoSize: Math.max(
      logicalBlockSize,
      alignDown(Math.min(maximum, nbd.NBD_MAX_PAYLOAD), logicalBlockSize),
    ),
    discardGranularity: (properties.transmissionFlags & nbd.NBD_FLAG_SEND_TRIM) === 0 ? 0 : logicalBlockSize,
    alignmentOffset: 0,
    chunkSize: 0,
  };
}
