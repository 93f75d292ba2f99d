import { constants } from 'node:os';
import {
  addressOf,
  type Completion,
  IORING_FSYNC_DATASYNC,
  IORING_OP_FSYNC,
  IORING_OP_READ,
  IORING_OP_WRITE,
  RWF_DSYNC,
  systemError,
  type Uring,
} from '../sys/index.ts';
import {
  type FileContext,
  type FileTransfers,
  fileFailure,
  type PoolTransfers,
  truncated,
} from './file-transfers.ts';

const { EAGAIN, EBUSY, EINTR } = constants.errno;

/** Through the thread's io_uring: as many at a time as there are, straight between the buffers and the file. */
export class RingTransfers implements FileTransfers {
  readonly writesStably = true;
  readonly ring: Uring;
  readonly file: FileContext;
  /** Takes what the ring will not. */
  readonly pool: PoolTransfers;
  readonly #idle: Transfer[] = [];

  constructor(ring: Uring, file: FileContext, pool: PoolTransfers) {
    this.ring = ring;
    this.file = file;
    this.pool = pool;
  }

  read(offset: number, into: Uint8Array, done: number): Promise<void> {
    return this.#transfer().start(IORING_OP_READ, offset, into, done, 0);
  }

  write(offset: number, from: Uint8Array, done: number, stable: boolean): Promise<void> {
    return this.#transfer().start(IORING_OP_WRITE, offset, from, done, stable ? RWF_DSYNC : 0);
  }

  async sync(): Promise<void> {
    const result = await new Promise<number>((completed) => {
      this.ring.submit({ completed }, IORING_OP_FSYNC, this.file.fd, 0, 0, 0, IORING_FSYNC_DATASYNC);
    });
    if (result === -EINTR) return this.sync();
    if (result < 0) throw fileFailure(this.file, systemError('fdatasync', -result), 'flush', 0);
  }

  /** A transfer has ended and may be another one. */
  release(transfer: Transfer): void {
    this.#idle.push(transfer);
  }

  #transfer(): Transfer {
    return this.#idle.pop() ?? new Transfer(this);
  }
}

const NOTHING = new Uint8Array(0);

/** One read or write, in as many steps as the kernel makes of it; used again for later ones. */
class Transfer implements Completion {
  readonly #owner: RingTransfers;
  #opcode = 0;
  #offset = 0;
  #buffer: Uint8Array = NOTHING;
  #address = 0;
  #done = 0;
  #flags = 0;
  #resolve: (value: void | PromiseLike<void>) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  readonly #executor = (
    resolve: (value: void | PromiseLike<void>) => void,
    reject: (error: unknown) => void,
  ): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };

  constructor(owner: RingTransfers) {
    this.#owner = owner;
  }

  start(opcode: number, offset: number, buffer: Uint8Array, done: number, flags: number): Promise<void> {
    this.#opcode = opcode;
    this.#offset = offset;
    this.#buffer = buffer;
    this.#address = addressOf(buffer);
    this.#done = done;
    this.#flags = flags;
    const promise = new Promise<void>(this.#executor);
    this.#owner.file.requests.begin();
    this.#submit();
    return promise;
  }

  completed(result: number): void {
    if (result > 0) {
      this.#done += result;
      if (this.#done < this.#buffer.length) this.#submit();
      else this.#end(undefined);
    } else if (result === 0) {
      this.#end(
        this.#opcode === IORING_OP_READ
          ? truncated(this.#owner.file, this.#offset + this.#done)
          : this.#failure(constants.errno.EIO),
      );
    } else if (result === -EINTR) this.#submit();
    else if (result === -EAGAIN) this.#giveToPool();
    else this.#end(this.#failure(-result));
  }

  #submit(): void {
    try {
      this.#owner.ring.submit(
        this,
        this.#opcode,
        this.#owner.file.fd,
        this.#address + this.#done,
        this.#buffer.length - this.#done,
        this.#offset + this.#done,
        this.#flags,
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).errno === -EBUSY) this.#giveToPool();
      else this.#end(fileFailure(this.#owner.file, error, this.#operation, this.#offset));
    }
  }

  /** The kernel could do it only by waiting, and not on its own threads either. */
  #giveToPool(): void {
    const { pool } = this.#owner;
    const done =
      this.#opcode === IORING_OP_READ
        ? pool.read(this.#offset, this.#buffer, this.#done)
        : pool.write(this.#offset, this.#buffer, this.#done);
    const stable = this.#flags === RWF_DSYNC ? done.then(() => pool.sync()) : done;
    stable.then(
      () => this.#end(undefined),
      (error: unknown) => this.#end(error),
    );
  }

  #end(error: unknown): void {
    const resolve = this.#resolve;
    const reject = this.#reject;
    this.#buffer = NOTHING;
    this.#owner.release(this);
    if (error === undefined) resolve();
    else reject(error);
    this.#owner.file.requests.end();
  }

  get #operation(): string {
    return this.#opcode === IORING_OP_READ ? 'read' : 'write';
  }

  #failure(errno: number): Error {
    return fileFailure(this.#owner.file, systemError(this.#operation, errno), this.#operation, this.#offset);
  }
}
