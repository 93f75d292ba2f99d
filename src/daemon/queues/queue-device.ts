import type {
  BlockDevice,
  Extent,
  Features,
  Limits,
  WriteOptions,
  WriteZeroesOptions,
} from '../../block/device.ts';
import { copyStack, type StackCopy } from '../../dm/index.ts';
import type { MaybePromise } from '../../maybe-promise.ts';
import type { Forwarding } from './forwarding.ts';
import {
  type DeviceFacts,
  DISCARD,
  EXTENTS,
  FAST,
  FLUSH,
  FUA,
  MAY_CLOBBER,
  NO_HOLE,
  READ,
  WRITE,
  WRITE_ZEROES,
} from './messages.ts';
import { decodePlan, disposePlan, type SentPlan } from './plan-transfer.ts';

const CLOBBER: WriteOptions = { mayClobber: true };

/**
 * A mapped device of the main thread, as a queue thread sees it. While the device allows it, requests are served by
 * a copy of its stack in this thread; at any other time each is passed on to the device itself, where it waits,
 * is counted or fails as if there were no threads. Flushes always go there: only who owns a file may flush it.
 */
export class QueueDevice implements BlockDevice {
  readonly #number: number;
  readonly #forwarding: Forwarding;
  #facts: DeviceFacts;
  #copy: BlockDevice | undefined;
  #notesFailures = false;
  /** The copy that serves, or is being made. */
  #making: { revoked: boolean; readonly done: Promise<StackCopy | undefined> } | undefined;

  constructor(number: number, facts: DeviceFacts, forwarding: Forwarding) {
    this.#number = number;
    this.#facts = facts;
    this.#forwarding = forwarding;
  }

  get name(): string {
    return this.#facts.name;
  }

  get size(): number {
    return this.#facts.size;
  }

  get readOnly(): boolean {
    return this.#facts.readOnly;
  }

  get limits(): Limits {
    return this.#facts.limits;
  }

  get features(): Features {
    return this.#facts.features;
  }

  set facts(facts: DeviceFacts) {
    this.#facts = facts;
  }

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    const copy = this.#copy;
    if (!copy) return this.#forwardRead(offset, into);
    if (!this.#notesFailures) return copy.read(offset, into);
    return orElse(
      () => copy.read(offset, into),
      () => this.#forwardRead(offset, into),
    );
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const copy = this.#copy;
    if (!copy) return this.#forwardWrite(offset, from, options);
    const done = this.#notesFailures
      ? orElse(
          // Not given up yet: it may have to be written once more.
          () => copy.write(offset, from),
          () => this.#forwardWrite(offset, from, { mayClobber: options?.mayClobber ?? false }),
        )
      : copy.write(offset, from, options?.mayClobber ? CLOBBER : undefined);
    return options?.fua ? this.#thenFlush(done) : done;
  }

  async flush(): Promise<void> {
    await this.#forward(FLUSH, 0, 0);
  }

  discard(offset: number, length: number): MaybePromise<void> {
    const forward = (): Promise<void> => this.#forward(DISCARD, offset, length);
    const copy = this.#copy;
    if (!copy) return forward();
    return this.#notesFailures
      ? orElse(() => copy.discard(offset, length), forward)
      : copy.discard(offset, length);
  }

  writeZeroes(offset: number, length: number, options: WriteZeroesOptions = {}): MaybePromise<void> {
    const { fua = false, noHole = false, fast = false } = options;
    const copy = this.#copy;
    const forward = (): Promise<void> =>
      this.#forward(
        WRITE_ZEROES,
        offset,
        length,
        (fua ? FUA : 0) | (noHole ? NO_HOLE : 0) | (fast ? FAST : 0),
      );
    if (!copy) return forward();
    const zero = (): MaybePromise<void> => copy.writeZeroes(offset, length, { noHole, fast });
    const done = this.#notesFailures ? orElse(zero, forward) : zero();
    return fua ? this.#thenFlush(done) : done;
  }

  async extents(offset: number, length: number): Promise<Extent[]> {
    return (await this.#forwarding.request(this.#number, EXTENTS, offset, length, undefined, 0)) ?? [];
  }

  /** The main thread says when it is gone. */
  async close(): Promise<void> {}

  /**
   * Makes a copy, which serves as soon as it is there, unless it is withdrawn before.
   *
   * @param failed why none could be made: all goes on without one
   */
  serveCopy(plan: SentPlan, failed: (error: unknown) => void): void {
    const making = { revoked: false, done: this.#makeCopy(plan, failed) };
    this.#making = making;
    void making.done.then((stack) => {
      if (!stack || making.revoked) return;
      this.#notesFailures = plan.notesFailures;
      this.#copy = stack.device;
    });
  }

  /** From now on everything is passed on. Settles when nothing is under way in the copy, and it is gone. */
  async withdrawCopy(): Promise<void> {
    const making = this.#making;
    this.#making = undefined;
    this.#copy = undefined;
    if (!making) return;
    making.revoked = true;
    const stack = await making.done;
    await stack?.close();
  }

  async #makeCopy(sent: SentPlan, failed: (error: unknown) => void): Promise<StackCopy | undefined> {
    try {
      const plan = decodePlan(sent);
      try {
        return await copyStack(plan, () => this.flush());
      } finally {
        disposePlan(plan);
      }
    } catch (error) {
      failed(error);
      return undefined;
    }
  }

  #forwardRead(offset: number, into: Uint8Array): Promise<void> {
    return this.#forwardData(READ, offset, into, 0);
  }

  #forwardWrite(offset: number, from: Uint8Array, options: WriteOptions | undefined): Promise<void> {
    const flags = (options?.fua ? FUA : 0) | (options?.mayClobber ? MAY_CLOBBER : 0);
    return this.#forwardData(WRITE, offset, from, flags);
  }

  async #forwardData(operation: number, offset: number, bytes: Uint8Array, flags: number): Promise<void> {
    await this.#forwarding.request(this.#number, operation, offset, bytes.length, bytes, flags);
  }

  async #forward(operation: number, offset: number, length: number, flags = 0): Promise<void> {
    await this.#forwarding.request(this.#number, operation, offset, length, undefined, flags);
  }

  async #thenFlush(done: MaybePromise<void>): Promise<void> {
    await done;
    await this.flush();
  }
}

/** A request that fails is made again in the other way. */
function orElse(first: () => MaybePromise<void>, second: () => MaybePromise<void>): MaybePromise<void> {
  let done: MaybePromise<void>;
  try {
    done = first();
  } catch {
    return second();
  }
  return done instanceof Promise ? done.catch(second) : done;
}
