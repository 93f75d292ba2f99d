import type { BlockDevice, WriteOptions, WriteZeroesOptions } from '../../../block/device.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';

/** A request that can be made again on another path, since nobody below was allowed to change its buffer. */
export interface PathRequest {
  /** What the selector counts. */
  readonly bytes: number;
  /** It changes something that a flush will have to make stable. */
  readonly volatile: boolean;
  on(device: BlockDevice): MaybePromise<void>;
}

export class ReadRequest implements PathRequest {
  readonly volatile = false;
  readonly #offset: number;
  readonly #into: Uint8Array;

  constructor(offset: number, into: Uint8Array) {
    this.#offset = offset;
    this.#into = into;
  }

  get bytes(): number {
    return this.#into.length;
  }

  on(device: BlockDevice): MaybePromise<void> {
    return device.read(this.#offset, this.#into);
  }
}

const FUA: WriteOptions = { fua: true };

export class WriteRequest implements PathRequest {
  readonly volatile: boolean;
  readonly #offset: number;
  readonly #from: Uint8Array;

  constructor(offset: number, from: Uint8Array, fua: boolean) {
    this.#offset = offset;
    this.#from = from;
    this.volatile = !fua;
  }

  get bytes(): number {
    return this.#from.length;
  }

  on(device: BlockDevice): MaybePromise<void> {
    return writeUnchanged(device, this.#offset, this.#from, !this.volatile);
  }
}

export class DiscardRequest implements PathRequest {
  readonly volatile = true;
  readonly bytes: number;
  readonly #offset: number;

  constructor(offset: number, length: number) {
    this.#offset = offset;
    this.bytes = length;
  }

  on(device: BlockDevice): MaybePromise<void> {
    return device.discard(this.#offset, this.bytes);
  }
}

export class WriteZeroesRequest implements PathRequest {
  readonly volatile: boolean;
  readonly bytes: number;
  readonly #offset: number;
  readonly #options: WriteZeroesOptions | undefined;

  constructor(offset: number, length: number, options: WriteZeroesOptions | undefined) {
    this.#offset = offset;
    this.bytes = length;
    this.#options = options;
    this.volatile = !options?.fua;
  }

  on(device: BlockDevice): MaybePromise<void> {
    return device.writeZeroes(this.#offset, this.bytes, this.#options);
  }
}

/**
 * Writes without giving the buffer up, whatever the caller allowed: a path that fails may have changed it
 * before it did, and the next one must get the same data.
 */
export function writeUnchanged(
  device: BlockDevice,
  offset: number,
  from: Uint8Array,
  fua: boolean,
): MaybePromise<void> {
  return device.write(offset, from, fua ? FUA : undefined);
}
