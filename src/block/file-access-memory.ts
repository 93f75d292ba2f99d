import { readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import type { MaybePromise } from '../maybe-promise.ts';
import { addressOf, type Libc, libc, systemError } from '../sys/index.ts';
import type { FileAccess } from './file-access.ts';
import {
  type FileContext,
  fileFailure,
  INLINE_MAX,
  type PoolTransfers,
  truncated,
} from './file-transfers.ts';

const { EINTR } = constants.errno;

/** Files without a disk: the kernel copies and is done, so requests are served inline. */
export class MemoryAccess implements FileAccess {
  /** What is written is as stable as it will ever be. */
  readonly writesStably = true;
  readonly #file: FileContext;
  readonly #pool: PoolTransfers;
  readonly #c: Libc | undefined = libc();

  constructor(file: FileContext, pool: PoolTransfers) {
    this.#file = file;
    this.#pool = pool;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    if (into.length > INLINE_MAX) return this.#pool.read(offset, into, 0);
    const { fd } = this.#file;
    const address = this.#c ? addressOf(into) : 0;
    for (let got = 0; got < into.length; ) {
      const count = this.#c
        ? this.#c.pread(fd, address + got, into.length - got, offset + got)
        : this.#node('read', offset, () => readSync(fd, into, got, into.length - got, offset + got));
      if (count === 0) throw truncated(this.#file, offset + got);
      if (count > 0) got += count;
      else this.#check('read', offset);
    }
  }

  write(offset: number, from: Uint8Array): MaybePromise<void> {
    if (from.length > INLINE_MAX) return this.#pool.write(offset, from, 0);
    const { fd } = this.#file;
    const address = this.#c ? addressOf(from) : 0;
    for (let put = 0; put < from.length; ) {
      const count = this.#c
        ? this.#c.pwrite(fd, address + put, from.length - put, offset + put)
        : this.#node('write', offset, () => writeSync(fd, from, put, from.length - put, offset + put));
      if (count >= 0) put += count;
      else this.#check('write', offset);
    }
  }

  #check(operation: string, offset: number): void {
    const errno = this.#c?.errno() ?? 0;
    if (errno !== EINTR) throw fileFailure(this.#file, systemError(operation, errno), operation, offset);
  }

  #node(operation: string, offset: number, call: () => number): number {
    try {
      return call();
    } catch (error) {
      throw fileFailure(this.#file, error, operation, offset);
    }
  }
}
