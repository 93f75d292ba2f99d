import { libc, type PollHandle, systemError } from './ffi.ts';

/**
 * io_uring (io_uring(7), linux/io_uring.h) for one thread, driven by its event loop: nothing ever waits in the
 * kernel. Completions are noticed by watching the ring's descriptor, and all that became ready is worked off in one
 * turn, whose new submissions go to the kernel together.
 */
export interface Completion {
  /** @param result what the system call would have returned: ≥ 0, or -errno */
  completed(result: number): void;
}

/** Opcodes (enum io_uring_op). */
export const IORING_OP_NOP = 0;
export const IORING_OP_FSYNC = 3;
export const IORING_OP_POLL_ADD = 6;
export const IORING_OP_SENDMSG = 9;
export const IORING_OP_RECVMSG = 10;
export const IORING_OP_ASYNC_CANCEL = 14;
export const IORING_OP_FALLOCATE = 17;
export const IORING_OP_READ = 22;
export const IORING_OP_WRITE = 23;
export const IORING_OP_SEND = 26;
export const IORING_OP_RECV = 27;
export const IORING_OP_URING_CMD = 46;

/** For `flags` of {@link IORING_OP_FSYNC}. */
export const IORING_FSYNC_DATASYNC = 1;
/** For `flags` of {@link IORING_OP_WRITE} (linux/fs.h). */
export const RWF_DSYNC = 2;

export interface UringOptions {
  /** Requests that are prepared at a time; a power of two. More than that go to the kernel at once. Default 256. */
  readonly entries?: number;
  /** Completions that may wait to be worked off; at least twice the requests under way. Default 4096. */
  readonly completions?: number;
  /** Entries of 128 bytes, as the control commands of ublk need. */
  readonly wide?: boolean;
}

// System calls, the same on every architecture.
const IO_URING_SETUP = 425;
const IO_URING_ENTER = 426;

const IORING_SETUP_CQSIZE = 1 << 3;
const IORING_SETUP_COOP_TASKRUN = 1 << 8;
const IORING_SETUP_SQE128 = 1 << 10;
const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
const IORING_FEAT_SINGLE_MMAP = 1;
const IORING_ENTER_GETEVENTS = 1;
const IORING_SQ_CQ_OVERFLOW = 2;
const IORING_OFF_SQ_RING = 0;
const IORING_OFF_SQES = 0x1000_0000;

// struct io_uring_params (120 bytes): where the kernel puts what.
const PARAMS_SIZE = 120;
const CQE_WORDS = 4;

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_POPULATE = 0x8000;
const MADV_DONTFORK = 10;
const EINVAL = 22;
const EINTR = 4;
const EAGAIN = 11;
const EBUSY = 16;

/** How often a turn looks for completions again before everything else in the event loop has its turn. */
const ROUNDS = 16;

/** Newer kernels run completions only when asked, which saves interrupts; older ones refuse the flags. */
const PREFERRED_FLAGS = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;

export class Uring {
  readonly fd: number;
  readonly #c;
  readonly #rings: { address: number; length: number };
  readonly #entries: { address: number; length: number };
  /** The rings' words, and the submission queue entries'. */
  #words: Int32Array;
  #sqes: Uint32Array;
  readonly #sqeWords: number;
  readonly #sqSize: number;
  readonly #sqMask: number;
  readonly #cqMask: number;
  readonly #sqHead: number;
  readonly #sqTail: number;
  readonly #sqFlags: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqes: number;
  #tail: number;
  #submitted: number;
  #head: number;
  /** Who waits for which request, by its user data. */
  readonly #waiting: (Completion | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  #underWay = 0;
  #poll: PollHandle | undefined;
  #scheduled = false;
  #pumping = false;
  #closed = false;

  /**
   * @returns undefined where there are no foreign functions, or io_uring is missing or forbidden
   *   (kernel.io_uring_disabled, seccomp)
   */
  static create(options: UringOptions = {}): Uring | undefined {
    const c = libc();
    if (!c) return undefined;
    const params = Buffer.allocUnsafeSlow(128);
    const setup = (flags: number): number => {
      params.fill(0);
      params.writeUInt32LE(options.completions ?? 4096, 4);
      params.writeUInt32LE((flags | IORING_SETUP_CQSIZE | (options.wide ? IORING_SETUP_SQE128 : 0)) >>> 0, 8);
      const fd = c.syscall(IO_URING_SETUP, options.entries ?? 256, c.address(params), 0, 0, 0, 0);
      return fd === -1 ? -c.errno() : fd;
    };
    let fd = setup(PREFERRED_FLAGS);
    if (fd === -EINVAL) fd = setup(0);
    if (fd < 0) return undefined;
    if ((params.readUInt32LE(20) & IORING_FEAT_SINGLE_MMAP) === 0) {
      c.close(fd);
      return undefined;
    }
    return new Uring(fd, params.subarray(0, PARAMS_SIZE), options.wide ?? false);
  }

  private constructor(fd: number, params: Buffer, wide: boolean) {
    const c = libc();
    if (!c) throw new Error('io_uring without foreign functions');
    this.#c = c;
    this.fd = fd;
    const at = (offset: number): number => params.readUInt32LE(offset);
    this.#sqSize = at(0);
    this.#sqeWords = wide ? 32 : 16;
    const ringLength = Math.max(at(64) + this.#sqSize * 4, at(100) + at(4) * CQE_WORDS * 4);
    this.#rings = this.#map(ringLength, IORING_OFF_SQ_RING);
    this.#entries = this.#map(this.#sqSize * this.#sqeWords * 4, IORING_OFF_SQES);
    this.#words = new Int32Array(c.view(this.#rings.address, alignWords(ringLength)));
    this.#sqes = new Uint32Array(c.view(this.#entries.address, this.#entries.length));
    this.#sqHead = at(40) >> 2;
    this.#sqTail = at(44) >> 2;
    this.#sqFlags = at(56) >> 2;
    this.#cqHead = at(80) >> 2;
    this.#cqTail = at(84) >> 2;
    this.#cqes = at(100) >> 2;
    this.#sqMask = this.#word(at(48) >> 2);
    this.#cqMask = this.#word(at(88) >> 2);
    // The entry at each place of the queue is the one at that place of the array, for ever.
    for (let i = 0; i < this.#sqSize; i++) this.#words[(at(64) >> 2) + i] = i;
    this.#tail = this.#word(this.#sqTail);
    this.#submitted = this.#tail;
    this.#head = this.#word(this.#cqHead);
    this.#poll = c.poll(fd, { readable: true }, this.#wake);
    this.#poll.unref();
  }

  /** Requests submitted or prepared and not completed yet. While there are any, the event loop stays alive. */
  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Prepares a request; it goes to the kernel at the end of this turn of the event loop, with the others.
   *
   * @param address of memory that must neither move nor be reused until `completion` is called
   * @param flags the opcode's own (rw_flags, fsync_flags, msg_flags)
   */
  submit(
    completion: Completion,
    opcode: number,
    fd: number,
    address: number,
    length: number,
    offset: number,
    flags = 0,
  ): void {
    const w = this.#prepare(completion, opcode, fd);
    const sqes = this.#sqes;
    sqes[w + 2] = offset >>> 0;
    sqes[w + 3] = Math.floor(offset / 0x1_0000_0000);
    sqes[w + 4] = address >>> 0;
    sqes[w + 5] = Math.floor(address / 0x1_0000_0000);
    sqes[w + 6] = length;
    sqes[w + 7] = flags;
  }

  /**
   * Prepares an IORING_OP_URING_CMD with the 16 bytes of its own that every entry has room for, as 32-bit words.
   *
   * @param rest what follows them in a wide ring; at most 16 words
   */
  command(
    completion: Completion,
    fd: number,
    operation: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    rest?: Uint32Array,
  ): void {
    const w = this.#prepare(completion, IORING_OP_URING_CMD, fd);
    const sqes = this.#sqes;
    sqes[w + 2] = operation;
    sqes[w + 12] = w0;
    sqes[w + 13] = w1;
    sqes[w + 14] = w2;
    sqes[w + 15] = w3;
    if (rest) sqes.set(rest, w + 16);
  }

  /** Hands what is prepared to the kernel now, instead of at the end of the turn. */
  flush(): void {
    const count = (this.#tail - this.#submitted) | 0;
    if (count === 0 || this.#closed) return;
    Atomics.store(this.#words, this.#sqTail, this.#tail);
    const submitted = this.#enter(count, 0);
    // What the kernel would not take now (no memory, completions overflown) goes with the next turn.
    if (submitted >= 0) this.#submitted = (this.#submitted + submitted) | 0;
    if (this.#submitted !== this.#tail) this.#schedule();
  }

  /**
   * Requests still under way are cancelled by the kernel, a moment later, and never complete here. The fds stay the
   * caller's.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll?.close();
    this.#poll = undefined;
    this.#c.close(this.fd);
    // The mappings hold the ring as much as the descriptor does. Nobody else has seen these views of them.
    this.#words = new Int32Array(0);
    this.#sqes = new Uint32Array(0);
    this.#c.munmap(this.#rings.address, this.#rings.length);
    this.#c.munmap(this.#entries.address, this.#entries.length);
    this.#waiting.length = 0;
    this.#underWay = 0;
  }

  #prepare(completion: Completion, opcode: number, fd: number): number {
    if (this.#closed) throw systemError('io_uring_enter', 9);
    let room = this.#sqSize - ((this.#tail - Atomics.load(this.#words, this.#sqHead)) | 0);
    if (room === 0) {
      this.flush();
      room = this.#sqSize - ((this.#tail - Atomics.load(this.#words, this.#sqHead)) | 0);
      if (room === 0) throw systemError('io_uring_enter', EBUSY);
    }
    const w = (this.#tail & this.#sqMask) * this.#sqeWords;
    this.#tail = (this.#tail + 1) | 0;
    const sqes = this.#sqes;
    for (let i = w; i < w + this.#sqeWords; i++) sqes[i] = 0;
    sqes[w] = opcode;
    sqes[w + 1] = fd;
    sqes[w + 8] = this.#wait(completion);
    if (!this.#pumping) this.#schedule();
    return w;
  }

  #wait(completion: Completion): number {
    const slot = this.#freeSlots.pop() ?? this.#waiting.length;
    this.#waiting[slot] = completion;
    if (this.#underWay++ === 0) this.#poll?.ref();
    return slot;
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(this.#pump);
  }

  /** Called from the event loop's poll, where microtasks may not run: everything happens a moment later. */
  readonly #wake = (): void => this.#schedule();

  readonly #pump = (): void => {
    this.#scheduled = false;
    if (this.#closed) return;
    this.#pumping = true;
    try {
      this.flush();
      for (let round = 0; round < ROUNDS && this.#reap() > 0; round++) this.flush();
    } finally {
      this.#pumping = false;
      // A completion that threw must not leave the others behind.
      if (!this.#closed && this.#ready()) this.#schedule();
    }
  };

  #ready(): boolean {
    return Atomics.load(this.#words, this.#cqTail) !== this.#head || this.#tail !== this.#submitted;
  }

  /** Works off the completions that are there. */
  #reap(): number {
    if (this.#closed) return 0;
    const words = this.#words;
    // With completions overflown, or left for us to run, the kernel has to be asked to bring them.
    if ((Atomics.load(words, this.#sqFlags) & IORING_SQ_CQ_OVERFLOW) !== 0) {
      this.#enter(0, IORING_ENTER_GETEVENTS);
    }
    const tail = Atomics.load(words, this.#cqTail);
    let count = 0;
    while (this.#head !== tail && !this.#closed) {
      const w = this.#cqes + (this.#head & this.#cqMask) * CQE_WORDS;
      const slot = this.#word(w);
      const result = this.#word(w + 2);
      this.#head = (this.#head + 1) | 0;
      Atomics.store(words, this.#cqHead, this.#head);
      count += 1;
      const completion = this.#waiting[slot];
      this.#waiting[slot] = undefined;
      this.#freeSlots.push(slot);
      if (--this.#underWay === 0) this.#poll?.unref();
      completion?.completed(result);
    }
    return count;
  }

  /** @returns requests taken, or -errno */
  #enter(submit: number, flags: number): number {
    for (;;) {
      const result = this.#c.syscall(IO_URING_ENTER, this.fd, submit, 0, flags, 0, 0);
      if (result >= 0) return result;
      const errno = this.#c.errno();
      if (errno === EAGAIN || errno === EBUSY) return -errno;
      if (errno !== EINTR) throw systemError('io_uring_enter', errno);
    }
  }

  #word(index: number): number {
    return this.#words[index] as number;
  }

  #map(length: number, offset: number): { address: number; length: number } {
    const address = this.#c.mmap(0, length, PROT_READ_WRITE, MAP_SHARED | MAP_POPULATE, this.fd, offset);
    if (address === -1) throw systemError('mmap', this.#c.errno());
    this.#c.madvise(address, length, MADV_DONTFORK);
    return { address, length };
  }
}

function alignWords(length: number): number {
  return length & ~3;
}

let shared: Uring | null | undefined;

/** The ring that all of this thread shares; undefined where there is none to be had. Never closed. */
export function threadRing(): Uring | undefined {
  if (shared === undefined) shared = Uring.create() ?? null;
  return shared ?? undefined;
}
