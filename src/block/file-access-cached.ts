import { constants } from 'node:os';
import type { MaybePromise } from '../maybe-promise.ts';
import { addressOf, type Libc, libc, systemError } from '../sys/index.ts';
import type { FileAccess } from './file-access.ts';
import {
  type FileContext,
  type FileTransfers,
  fileFailure,
  INLINE_MAX,
  type PoolTransfers,
  truncated,
} from './file-transfers.ts';

const { EAGAIN, EINTR, EINVAL, EOPNOTSUPP } = constants.errno;

/** preadv2(2): what would have to wait for the disk, or for memory, is not done. */
const RWF_NOWAIT = 8;

/** One struct iovec; the kernel reads it during the call. Large enough to lie outside the JavaScript heap. */
const iovec = new Uint32Array(64);
let iovecAddress = 0;

/**
 * Through the page cache. What is there already, or finds room there at once, is copied inline; the rest, from where
 * the kernel stopped, goes where it may wait. The kernel is asked to say which it is, request for request; a file
 * system that cannot say is asked once.
 */
export class CachedAccess implements FileAccess {
  readonly #file: FileContext;
  readonly #transfers: FileTransfers;
  readonly #pool: PoolTransfers;
  readonly #c: Libc | undefined = libc();
  #readsNow: boolean;
  #writesNow: boolean;

  constructor(file: FileContext, transfers: FileTransfers, pool: PoolTransfers) {
    this.#file = file;
    this.#transfers = transfers;
    this.#pool = pool;
    this.#readsNow = this.#c !== undefined;
    this.#writesNow = this.#c !== undefined;
    if (this.#c && iovecAddress === 0) iovecAddress = addressOf(new Uint8Array(iovec.buffer));
  }

  get writesStably(): boolean {
    return this.#transfers.writesStably;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    // A long copy would hold up everything else.
    if (into.length > INLINE_MAX) return this.#pool.read(offset, into, 0);
    let got = 0;
    if (this.#readsNow && this.#c) {
      got = this.#c.preadv2(this.#file.fd, describe(into), 1, offset, RWF_NOWAIT);
      if (got === into.length) return;
      if (got === 0) throw truncated(this.#file, offset);
      if (got === -1) {
        got = 0;
        this.#readsNow = this.#offered(this.#c.errno(), 'read', offset);
      }
    }
    return this.#transfers.read(offset, into, got);
  }

  write(offset: number, from: Uint8Array, stable: boolean): MaybePromise<void> {
    if (stable) return this.#transfers.write(offset, from, 0, true);
    if (from.length > INLINE_MAX) return this.#pool.write(offset, from, 0);
    let put = 0;
    if (this.#writesNow && this.#c) {
      put = this.#c.pwritev2(this.#file.fd, describe(from), 1, offset, RWF_NOWAIT);
      if (put === from.length) return;
      if (put === -1) {
        put = 0;
        this.#writesNow = this.#offered(this.#c.errno(), 'write', offset);
      }
    }
    return this.#transfers.write(offset, from, put, false);
  }

  /** After a failure: whether trying inline makes sense the next time. */
  #offered(errno: number, operation: string, offset: number): boolean {
    if (errno === EAGAIN || errno === EINTR) return true;
    if (errno === EOPNOTSUPP || errno === EINVAL) return false;
    throw fileFailure(this.#file, systemError(operation, errno), operation, offset);
  }
}

/** @returns the address of an iovec for these bytes */
function describe(bytes: Uint8Array): number {
  const address = addressOf(bytes);
  iovec[0] = address >>> 0;
  iovec[1] = Math.floor(address / 0x1_0000_0000);
  iovec[2] = bytes.length;
  return iovecAddress;
}
