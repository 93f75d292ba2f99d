import type { BlockDevice, Limits, WriteOptions, WriteZeroesOptions } from '../../../block/device.ts';
import type { Secret, SectorCipher } from '../../../crypto/index.ts';
import { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { limitsBelow, raiseBlockSize } from '../../limits.ts';
import { inPieces } from '../../pieces.ts';
import type { DeviceArea, Target, TargetFeatures } from '../../target.ts';
import { type DeviceArg, refuse } from '../arguments.ts';
import { type CryptOptions, formatOptions, parseKey } from './args.ts';
import { type Bounce, BouncePool, PIECE_SIZE } from './bounce.ts';
import { createCipher } from './cipher.ts';

export interface CryptArguments {
  /** As the table says it. */
  readonly cipher: string;
  /** The target's own. */
  readonly key: Secret;
  /** Added to the sector number that the IV is made of. Sectors. */
  readonly ivOffset: number;
  readonly below: DeviceArg;
  /** Where the data begins on the device. Sectors. */
  readonly offset: number;
  readonly options: CryptOptions;
}

/** Pieces of one big request that are under way at a time. */
const DEPTH = 4;

const CLOBBER: WriteOptions = { mayClobber: true };
const CLOBBER_FUA: WriteOptions = { mayClobber: true, fua: true };

/**
 * dm-crypt. Reads are decrypted in the caller's buffer. Writes are encrypted in it if the caller gives it
 * up (`mayClobber`), else in a buffer of the target's. Big requests go in pieces, so that a piece is
 * encrypted while others are being written, and the memory for them is bounded.
 */
export class CryptTarget implements Target {
  readonly maxIoLength = 0;
  readonly areas: readonly DeviceArea[];
  readonly #args: CryptArguments;
  readonly #device: BlockDevice;
  /** Bytes. */
  readonly #start: number;
  readonly #pool = new BouncePool();
  #key: Secret;
  /** undefined: the key was wiped. */
  #cipher: SectorCipher | undefined;
  #suspended = false;

  /**
   * Takes over `args.key` and `cipher`.
   *
   * @param length sectors
   */
  constructor(args: CryptArguments, cipher: SectorCipher, length: number) {
    const { device } = args.below;
    this.#args = args;
    this.#device = device;
    this.#start = args.offset * SECTOR_SIZE;
    this.#key = args.key;
    this.#cipher = cipher;
    this.areas = [{ device, start: this.#start, length: length * SECTOR_SIZE }];
  }

  get limits(): Limits {
    const limits = raiseBlockSize(limitsBelow(this.areas), this.#args.options.sectorSize);
    return this.features.discard ? limits : { ...limits, discardGranularity: 0 };
  }

  get features(): TargetFeatures {
    const { discard, multiConnection } = this.#device.features;
    return { discard: this.#args.options.allowDiscards && discard, fastZeroes: false, multiConnection };
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (into.length <= PIECE_SIZE) return this.#readPiece(offset, into);
    return inPieces(into.length, PIECE_SIZE, DEPTH, (from, to) =>
      this.#readPiece(offset + from, into.subarray(from, to)),
    );
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const fua = options?.fua ?? false;
    const send = options?.mayClobber ? this.#encryptAndWrite : this.#copyAndWrite;
    if (from.length <= PIECE_SIZE) return send(offset, from, fua);
    return inPieces(from.length, PIECE_SIZE, DEPTH, (begin, end) =>
      send(offset + begin, from.subarray(begin, end), fua),
    );
  }

  flush(): MaybePromise<void> {
    return this.#device.flush();
  }

  discard(offset: number, length: number): MaybePromise<void> {
    if (!this.features.discard) throw unsupported('This crypt target does not discard.');
    return this.#device.discard(this.#start + offset, length);
  }

  /** Zeroes are data like any other: they are encrypted and written. */
  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    if (options?.fast) throw unsupported('A crypt target writes zeroes no faster than data.');
    const fua = options?.fua ?? false;
    return inPieces(length, PIECE_SIZE, DEPTH, (from, to) => {
      const bounce = this.#pool.take(to - from);
      if (bounce instanceof Promise)
        return bounce.then((late) => this.#writeZeroPiece(offset + from, late, fua));
      return this.#writeZeroPiece(offset + from, bounce, fua);
    });
  }

  statusInfo(): string {
    return '';
  }

  statusTable(): readonly TableArg[] {
    const { cipher, ivOffset, below, offset, options } = this.#args;
    return [cipher, this.#key, String(ivOffset), below.label, String(offset), ...formatOptions(options)];
  }

  /**
   * `key set <key>` and `key wipe`, while suspended only.
   *
   * @throws TscryptError INVALID_ARGUMENT; the key is what it was before
   */
  message(words: readonly TableArg[]): string {
    const [command, action] = words.map((word) =>
      typeof word === 'string' ? word.toLowerCase() : undefined,
    );
    const key = words[2];
    if (command === 'key' && words.length >= 2) {
      if (!this.#suspended) refuse('not suspended during key manipulation.');
      if (action === 'set' && key !== undefined && words.length === 3) {
        this.#setKey(key);
        return '';
      }
      if (action === 'wipe' && words.length === 2) {
        this.#wipeKey();
        return '';
      }
    }
    return refuse('unrecognised message received.');
  }

  stateMessages(): readonly (readonly TableArg[])[] {
    return this.#cipher ? [] : [['key', 'wipe']];
  }

  postsuspend(): void {
    this.#suspended = true;
  }

  preresume(): void {
    if (this.#cipher) return;
    throw new TscryptError('NO_SUCH_OBJECT', 'aborting resume - crypt key is not set.', { errno: 'EAGAIN' });
  }

  resume(): void {
    this.#suspended = false;
  }

  async destroy(): Promise<void> {
    this.#cipher?.dispose();
    this.#cipher = undefined;
    this.#key.dispose();
    this.#pool.dispose();
  }

  #readPiece(offset: number, into: Uint8Array): MaybePromise<void> {
    const done = this.#device.read(this.#start + offset, into);
    if (done instanceof Promise) return done.then(() => this.#live.decrypt(into, this.#sectorOf(offset)));
    this.#live.decrypt(into, this.#sectorOf(offset));
  }

  readonly #encryptAndWrite = (offset: number, data: Uint8Array, fua: boolean): MaybePromise<void> => {
    this.#live.encrypt(data, this.#sectorOf(offset));
    return this.#device.write(this.#start + offset, data, fua ? CLOBBER_FUA : CLOBBER);
  };

  readonly #copyAndWrite = (offset: number, data: Uint8Array, fua: boolean): MaybePromise<void> => {
    const bounce = this.#pool.take(data.length);
    if (bounce instanceof Promise) return bounce.then((late) => this.#writeCopy(offset, data, late, fua));
    return this.#writeCopy(offset, data, bounce, fua);
  };

  #writeCopy(offset: number, data: Uint8Array, bounce: Bounce, fua: boolean): MaybePromise<void> {
    bounce.data.set(data);
    return this.#writeBounce(offset, bounce, fua);
  }

  #writeZeroPiece(offset: number, bounce: Bounce, fua: boolean): MaybePromise<void> {
    bounce.data.fill(0);
    return this.#writeBounce(offset, bounce, fua);
  }

  /** Encrypts and writes what is in `bounce`, and gives it back to the pool when that is done. */
  #writeBounce(offset: number, bounce: Bounce, fua: boolean): MaybePromise<void> {
    let done: MaybePromise<void>;
    try {
      done = this.#encryptAndWrite(offset, bounce.data, fua);
    } catch (error) {
      this.#giveBack(bounce);
      throw error;
    }
    if (done instanceof Promise) {
      return done.then(
        () => this.#pool.give(bounce),
        (error: unknown) => {
          this.#giveBack(bounce);
          throw error;
        },
      );
    }
    this.#pool.give(bounce);
  }

  /** After a failure the buffer may still hold plaintext. */
  #giveBack(bounce: Bounce): void {
    bounce.data.fill(0);
    this.#pool.give(bounce);
  }

  /** @param offset bytes from the target's start */
  #sectorOf(offset: number): number {
    return offset / SECTOR_SIZE + this.#args.ivOffset;
  }

  get #live(): SectorCipher {
    if (!this.#cipher) throw new TscryptError('INTERNAL', 'crypt target used without a key');
    return this.#cipher;
  }

  #setKey(arg: TableArg): void {
    const key = parseKey(arg);
    try {
      if (key.length !== this.#key.length) refuse('The key size may not be changed.');
      const cipher = createCipher(this.#args.cipher, key, this.#args.options);
      this.#cipher?.dispose();
      this.#cipher = cipher;
    } catch (error) {
      key.dispose();
      throw error;
    }
    this.#key.dispose();
    this.#key = key;
  }

  /** The key keeps its place and size, as zeroes. */
  #wipeKey(): void {
    this.#cipher?.dispose();
    this.#cipher = undefined;
    this.#key.bytes.fill(0);
  }
}

function unsupported(message: string): TscryptError {
  return new TscryptError('NOT_SUPPORTED', message, { errno: 'EOPNOTSUPP', details: { target: 'crypt' } });
}
