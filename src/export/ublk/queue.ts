import { arena } from '../../arena.ts';
import type { BlockDevice } from '../../block/device.ts';
import { fromSystemError, TscryptError } from '../../errors.ts';
import {
  CAP_SYS_ADMIN,
  libc,
  markIoFlusher,
  systemError,
  Uring,
  withoutCapability,
} from '../../sys/index.ts';
import { alignUp } from '../../units.ts';
import type { QueueCounters, QueueJob, QueueRun } from '../queue-threads.ts';
import * as abi from './abi.ts';
import { Tag } from './tag.ts';

export interface UblkQueueParameters {
  /** /dev/ublkcN, which stays open until the job has ended. */
  readonly charFd: number;
  readonly queueId: number;
  readonly depth: number;
  /** Bytes. */
  readonly maxIo: number;
  /** Commands are given as kernels before 6.4 understand them. */
  readonly legacy: boolean;
}

/** Serves one queue of a ublk device, in the thread that it is called in and from whose event loop it lives. */
export const ublkQueue: QueueJob<UblkQueueParameters> = async (device, parameters) =>
  new UblkQueue(device, parameters);

/** Rings whose poll handles are collected would fall silent. */
const serving = new Set<UblkQueue>();

const PAGE_SIZE = 4096;
const PROT_READ = 1;
const MAP_SHARED_POPULATE = 1 | 0x8000;

/**
 * The driver has a request in hand of every tag: a command that completes when there is something to do, whose
 * answer is the next command. The ring is the queue's own, because closing it is the one way to take those
 * commands back.
 */
class UblkQueue implements QueueRun {
  readonly ended: Promise<void>;
  readonly #parameters: UblkQueueParameters;
  readonly #ring: Uring;
  readonly #memory: Buffer<ArrayBuffer>;
  readonly #descriptors: { address: number; length: number };
  readonly #counters = {
    reads: 0,
    readBytes: 0,
    writes: 0,
    writtenBytes: 0,
    flushes: 0,
    others: 0,
    errors: 0,
  };
  /** Tags that the driver has not taken back. */
  #fetching: number;
  /** Requests that the device works on. */
  #serving = 0;
  #leaving = false;
  #failure: TscryptError | undefined;
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(device: BlockDevice, parameters: UblkQueueParameters) {
    const { depth, maxIo } = parameters;
    this.#parameters = parameters;
    this.#fetching = depth;
    const entries = 2 ** Math.ceil(Math.log2(Math.max(depth, 8)));
    const ring = Uring.create({ entries, completions: 2 * entries });
    if (!ring) throw new TscryptError('NOT_SUPPORTED', 'io_uring, which ublk needs, is not to be had.');
    this.#ring = ring;
    try {
      this.#descriptors = mapDescriptors(parameters);
    } catch (error) {
      ring.close();
      throw error;
    }
    // Without this, writing back a page that this thread needs could wait for this thread.
    markIoFlusher();
    this.#memory = arena()?.take(depth * maxIo) ?? Buffer.allocUnsafeSlow(depth * maxIo);
    const { address, length } = this.#descriptors;
    const descriptors = new Uint32Array(libcOrThrow().view(address, length));
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ended.catch(() => {});
    serving.add(this);
    for (let tag = 0; tag < depth; tag++) {
      const memory = this.#memory.subarray(tag * maxIo, (tag + 1) * maxIo);
      const served = new Tag(tag, device, descriptors, memory, this.#counters, {
        arrived: this.#arrived,
        answered: this.#answered,
      });
      this.#command(served, abi.FETCH_REQ, -1);
    }
    // The kernel does not look for partitions on disks that are served by whoever is not trusted: see
    // partitions.ts for why it must not.
    withoutCapability(CAP_SYS_ADMIN, () => ring.flush());
  }

  async counters(): Promise<QueueCounters> {
    return { ...this.#counters };
  }

  /** Answers what the device works on; what has come since, and comes, is left to the kernel. */
  stop(): Promise<void> {
    this.#leaving = true;
    this.#endIfIdle();
    return this.ended;
  }

  /** @returns whether there is a request to be served */
  readonly #arrived = (result: number): boolean => {
    if (result === abi.RESULT_REQUEST) {
      if (this.#leaving) return false;
      this.#serving += 1;
      return true;
    }
    this.#fetching -= 1;
    if (result !== abi.RESULT_ABORT) {
      const cause = systemError('ublk FETCH', -result);
      this.#failure ??= fromSystemError(cause, `Queue ${this.#parameters.queueId} of a ublk device broke`);
      this.#leaving = true;
    }
    this.#endIfIdle();
    return false;
  };

  readonly #answered = (tag: Tag, answer: number): void => {
    this.#serving -= 1;
    this.#command(tag, abi.COMMIT_AND_FETCH_REQ, answer);
    if (this.#leaving) this.#endIfIdle();
  };

  #command(tag: Tag, command: number, result: number): void {
    const { charFd, queueId, legacy } = this.#parameters;
    this.#ring.command(
      tag,
      charFd,
      legacy ? abi.legacyNumber(command) : command,
      (queueId | (tag.number << 16)) >>> 0,
      result,
      tag.addressLow,
      tag.addressHigh,
    );
  }

  #endIfIdle(): void {
    const settle = this.#settle;
    if (this.#serving > 0 || !settle || (this.#fetching > 0 && !this.#leaving)) return;
    this.#settle = undefined;
    serving.delete(this);
    // The last answers are to be given before the ring goes.
    this.#ring.flush();
    this.#ring.close();
    const { address, length } = this.#descriptors;
    libcOrThrow().munmap(address, length);
    // Commands that were taken back along with the ring may put data into their buffers for a moment longer. That
    // memory is not used again: a queue is left when its process is, or when all is lost.
    if (this.#fetching === 0 && arena()?.holds(this.#memory)) arena()?.give(this.#memory);
    if (this.#failure) settle.reject(this.#failure);
    else settle.resolve();
  }
}

function mapDescriptors({ charFd, queueId, depth }: UblkQueueParameters): {
  address: number;
  length: number;
} {
  const c = libcOrThrow();
  const length = alignUp(depth * abi.DESCRIPTOR_WORDS * 4, PAGE_SIZE);
  const offset = queueId * abi.DESCRIPTORS_STRIDE;
  const address = c.mmap(0, length, PROT_READ, MAP_SHARED_POPULATE, charFd, offset);
  if (address === -1) throw fromSystemError(systemError('mmap', c.errno()), 'Cannot map the queue');
  return { address, length };
}

function libcOrThrow(): NonNullable<ReturnType<typeof libc>> {
  const c = libc();
  if (!c) throw new TscryptError('NOT_SUPPORTED', 'ublk needs foreign functions, which are not to be had.');
  return c;
}
