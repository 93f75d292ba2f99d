import type { BlockDevice, Extent, Limits, WriteOptions, WriteZeroesOptions } from '../../../block/device.ts';
import { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import type { TableArg } from '../../../table/spec.ts';
import { allocated } from '../../extents.ts';
import { limitsBelow } from '../../limits.ts';
import {
  type DeviceArea,
  Requeue,
  type SuspendOptions,
  type Target,
  type TargetContext,
  type TargetFeatures,
} from '../../target.ts';
import { formatMultipathArguments, type MultipathArguments } from './args.ts';
import { PathChecker } from './checker.ts';
import { type FlushEvents, flushPaths } from './flush.ts';
import { PathGroups } from './groups.ts';
import { HeldRequests } from './held.ts';
import { type MessageReceiver, receiveMessage } from './messages.ts';
import { isLost, isPathError } from './path-errors.ts';
import type { Path } from './paths.ts';
import {
  DiscardRequest,
  type PathRequest,
  ReadRequest,
  WriteRequest,
  WriteZeroesRequest,
  writeUnchanged,
} from './requests.ts';
import { formatStatus } from './status.ts';

/**
 * Several paths to one storage. A request whose path fails goes another way, unnoticed by whoever made it;
 * only where no path is left does it fail, or wait (`queue_if_no_path`).
 */
export class MultipathTarget implements Target, MessageReceiver {
  readonly maxIoLength = 0;
  readonly mayRequeue = true;
  readonly groups: PathGroups;
  readonly #args: MultipathArguments;
  readonly #context: TargetContext;
  /** Bytes. */
  readonly #length: number;
  readonly #held = new HeldRequests();
  readonly #checker: PathChecker;
  #queueIfNoPath: boolean;
  /** What `#queueIfNoPath` was when the suspension began, and will be after it. */
  #savedQueueIfNoPath = false;
  /** From presuspend until the resume. */
  #suspension: SuspendOptions | undefined;
  #suspended = false;

  /** @param length bytes */
  constructor(args: MultipathArguments, length: number, context: TargetContext) {
    this.#args = args;
    this.#context = context;
    this.#length = length;
    this.#queueIfNoPath = args.features.queueIfNoPath;
    this.groups = new PathGroups(args.groups, args.initialGroup);
    this.#checker = new PathChecker({
      reopenDevice: (name) => context.reopenDevice(name),
      reinstate: (path) => this.#reinstate(path),
    });
  }

  get areas(): readonly DeviceArea[] {
    return this.groups.paths.map(({ device }) => ({
      device: device.opening,
      start: 0,
      length: this.#length,
    }));
  }

  get limits(): Limits {
    return limitsBelow(this.areas);
  }

  get features(): TargetFeatures {
    const all = this.groups.paths.map(({ device }) => device.opening.features);
    return {
      discard: all.every(({ discard }) => discard),
      fastZeroes: all.every(({ fastZeroes }) => fastZeroes),
      multiConnection: all.every(({ multiConnection }) => multiConnection),
    };
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  // Reads and writes that end inline make nothing: no request, no closure.

  read(offset: number, into: Uint8Array): MaybePromise<void> {
    const path = this.groups.choose(into.length);
    if (!path) return this.#withoutPath(new ReadRequest(offset, into));
    const started = path.begin(into.length);
    let done: MaybePromise<void>;
    try {
      done = path.device.opening.read(offset, into);
    } catch (error) {
      return this.#failed(path, started, new ReadRequest(offset, into), error);
    }
    if (done instanceof Promise) return this.#watch(path, started, new ReadRequest(offset, into), done);
    path.end(into.length, started);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): MaybePromise<void> {
    const fua = options?.fua ?? false;
    const path = this.groups.choose(from.length);
    if (!path) return this.#withoutPath(new WriteRequest(offset, from, fua));
    const started = path.begin(from.length);
    let done: MaybePromise<void>;
    try {
      done = writeUnchanged(path.device.opening, offset, from, fua);
    } catch (error) {
      return this.#failed(path, started, new WriteRequest(offset, from, fua), error);
    }
    if (done instanceof Promise) return this.#watch(path, started, new WriteRequest(offset, from, fua), done);
    path.end(from.length, started);
    if (!fua) path.device.written++;
  }

  discard(offset: number, length: number): MaybePromise<void> {
    return this.#attempt(new DiscardRequest(offset, length));
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): MaybePromise<void> {
    return this.#attempt(new WriteZeroesRequest(offset, length, options));
  }

  flush(): MaybePromise<void> {
    // The flush that belongs to a suspension makes stable what can be made stable.
    if (this.#suspension && this.groups.usable === 0) return;
    return this.#flush();
  }

  extents(offset: number, length: number): MaybePromise<Extent[]> {
    const device = this.groups.paths.find(({ active }) => active)?.device.opening;
    return device?.extents ? extentsOf(device, offset, length) : [allocated(length)];
  }

  statusInfo(): string {
    return formatStatus(this.groups);
  }

  statusTable(): readonly TableArg[] {
    return formatMultipathArguments(this.#args, this.groups.shownNumber, this.#queueIfNoPath);
  }

  message(words: readonly TableArg[]): MaybePromise<string> {
    return receiveMessage(this, words);
  }

  /** Held requests are let go of: given back to the core if the suspension is without flush, failed otherwise. */
  presuspend(how: SuspendOptions): void {
    this.#suspension = how;
    this.#savedQueueIfNoPath = this.#queueIfNoPath;
    this.#queueIfNoPath = false;
    this.#held.release();
  }

  presuspendUndo(): void {
    this.#endSuspension();
  }

  postsuspend(): void {
    this.#suspended = true;
    this.#checker.pause();
  }

  resume(): void {
    this.#endSuspension();
    this.#checker.resume();
  }

  async destroy(): Promise<void> {
    await this.#checker.stop();
  }

  // What messages do.

  setQueueIfNoPath(queue: boolean): void {
    this.#queueIfNoPath = queue;
    if (!queue) this.#held.release();
  }

  /** As long as nobody reinstates it. */
  failPath(path: Path): void {
    this.#checker.forget(path);
    if (this.groups.fail(path)) this.#context.raiseEvent();
  }

  /** @throws TscryptError what opening the device says, if its connection is known to be lost */
  async reinstatePath(path: Path): Promise<void> {
    if (path.active) return;
    if (path.device.lost) await this.#checker.reopen(path.device);
    this.#checker.forget(path);
    this.#reinstate(path);
  }

  raiseEvent(): void {
    this.#context.raiseEvent();
  }

  isNamed(path: Path, name: string): boolean {
    const { given, label } = path.device;
    return given === name || label === name || label === this.#context.deviceLabel(name);
  }

  #attempt(request: PathRequest): MaybePromise<void> {
    const path = this.groups.choose(request.bytes);
    if (!path) return this.#withoutPath(request);
    const started = path.begin(request.bytes);
    let done: MaybePromise<void>;
    try {
      done = request.on(path.device.opening);
    } catch (error) {
      return this.#failed(path, started, request, error);
    }
    if (done instanceof Promise) return this.#watch(path, started, request, done);
    this.#succeeded(path, started, request);
  }

  #watch(path: Path, started: number, request: PathRequest, done: Promise<void>): Promise<void> {
    return done.then(
      () => this.#succeeded(path, started, request),
      (error: unknown) => this.#failed(path, started, request, error),
    );
  }

  #succeeded(path: Path, started: number, request: PathRequest): void {
    path.end(request.bytes, started);
    if (request.volatile) path.device.written++;
  }

  /** A request met an error: it goes another way if the path is to blame. */
  #failed(path: Path, started: number, request: PathRequest, error: unknown): MaybePromise<void> {
    path.end(request.bytes, started);
    if (!isPathError(error)) throw error;
    this.#failByError(path, error);
    return this.groups.usable > 0 ? this.#attempt(request) : this.#withoutPath(request, error);
  }

  #withoutPath(request: PathRequest, cause?: TscryptError): Promise<void> {
    return this.#holdOrFail(() => this.#attempt(request), cause);
  }

  /** No path is left: the request waits, goes back to the core, or fails. */
  #holdOrFail(again: () => MaybePromise<void>, cause?: TscryptError): Promise<void> {
    if (this.#queueIfNoPath) return this.#held.hold(again);
    if (this.#suspension?.flush === false) return Promise.reject(new Requeue());
    return Promise.reject(
      new TscryptError('IO_ERROR', 'The multipath target has no usable path left.', {
        details: { target: 'multipath' },
        cause,
      }),
    );
  }

  readonly #flush = (): MaybePromise<void> => {
    const path = this.groups.choose(0);
    if (!path) return this.#holdOrFail(this.#flush);
    return flushPaths(path, this.groups.paths, this.#flushEvents);
  };

  readonly #flushEvents: FlushEvents = {
    failed: (path, error) => this.#failByError(path, error),
    allFailed: (error) => (this.groups.usable > 0 ? this.#flush() : this.#holdOrFail(this.#flush, error)),
  };

  #failByError(path: Path, error: TscryptError): void {
    if (isLost(error)) path.device.lost = true;
    if (!this.groups.fail(path)) return;
    this.#context.raiseEvent();
    this.#checker.watch(path);
  }

  #reinstate(path: Path): void {
    if (!this.groups.reinstate(path)) return;
    this.#context.raiseEvent();
    this.#held.release();
  }

  #endSuspension(): void {
    this.#suspension = undefined;
    this.#suspended = false;
    this.#queueIfNoPath ||= this.#savedQueueIfNoPath;
    this.#savedQueueIfNoPath = false;
  }
}

/** The truth about the range, or that everything is allocated where the path cannot tell. */
async function extentsOf(device: BlockDevice, offset: number, length: number): Promise<Extent[]> {
  try {
    return (await device.extents?.(offset, length)) ?? [allocated(length)];
  } catch (error) {
    if (isPathError(error)) return [allocated(length)];
    throw error;
  }
}
