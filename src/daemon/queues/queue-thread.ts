import { Worker } from 'node:worker_threads';
import type { MappedDevice } from '../../dm/index.ts';
import { TscryptError } from '../../errors.ts';
import type { QueueCounters, QueueJobName, QueueRun } from '../../export/queue-threads.ts';
import { decodeError } from '../error-transfer.ts';
import { DeviceLink } from './device-link.ts';
import { ForwardedRequests } from './forwarded-requests.ts';
import type { FromThread, ToThread } from './messages.ts';
import { RemoteRun } from './remote-run.ts';

export interface QueueThreadOptions {
  /** The thread's program. */
  readonly program: string;
  readonly name: string;
  /** Where failures go that nobody waits for. */
  readonly log: (error: unknown) => void;
  /**
   * The thread is gone, with the requests it had: nothing that was there can be trusted. Must not return the process
   * to its work.
   */
  readonly crash: (error: unknown) => void;
}

/** What a thread's heap may grow to, in MiB; data lies outside of it. Beyond that it crashes. */
const HEAP = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 16 };

interface Call {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread that serves queues of devices, as the main thread sees it. */
export class QueueThread {
  readonly #options: QueueThreadOptions;
  readonly #worker: Worker;
  readonly #forwarded = new ForwardedRequests((answers) => this.#post({ type: 'answers', ...answers }));
  readonly #linked = new Map<MappedDevice, DeviceLink>();
  readonly #links = new Map<number, DeviceLink>();
  readonly #runs = new Map<number, RemoteRun>();
  readonly #calls = new Map<number, Call>();
  #numbers = 0;
  #ending = false;

  constructor(options: QueueThreadOptions) {
    this.#options = options;
    this.#worker = new Worker(options.program, {
      name: options.name,
      argv: [],
      execArgv: [],
      resourceLimits: HEAP,
      // Descriptors come from other threads and go to them.
      trackUnmanagedFds: false,
    });
    this.#worker.on('message', (message: FromThread) => this.#receive(message));
    this.#worker.on('messageerror', options.crash);
    this.#worker.on('error', options.crash);
    this.#worker.on('exit', (status) => {
      if (this.#ending) return;
      options.crash(new TscryptError('INTERNAL', `A queue thread ended by itself (${status}).`));
    });
  }

  async start(device: MappedDevice, job: QueueJobName, parameters: unknown): Promise<QueueRun> {
    const link = this.#link(device);
    const run = ++this.#numbers;
    link.users += 1;
    const remote = new RemoteRun({
      stop: () => this.#call((call) => ({ type: 'stop', call, run })),
      counters: () =>
        this.#call((call) => ({ type: 'count', call, run })) as Promise<QueueCounters | undefined>,
      ended: () => {
        this.#runs.delete(run);
        this.#leave(link);
      },
    });
    this.#runs.set(run, remote);
    try {
      await this.#call((call) => ({ type: 'start', call, device: link.number, run, job, parameters }));
    } catch (error) {
      this.#runs.delete(run);
      this.#leave(link);
      throw error;
    }
    return remote;
  }

  /** What still runs there is cut off, and has ended then. */
  async terminate(): Promise<void> {
    this.#ending = true;
    await this.#worker.terminate();
    const gone = new TscryptError('ABORTED', 'The queue thread has ended.');
    for (const { reject } of this.#calls.values()) reject(gone);
    for (const run of [...this.#runs.values()]) run.end(undefined, undefined);
    for (const link of this.#links.values()) {
      link.withdrawn();
      link.close(() => {});
    }
  }

  #link(device: MappedDevice): DeviceLink {
    const known = this.#linked.get(device);
    if (known) return known;
    const number = ++this.#numbers;
    const link = new DeviceLink(device, number, (message) => this.#post(message));
    this.#linked.set(device, link);
    this.#links.set(number, link);
    return link;
  }

  #leave(link: DeviceLink): void {
    if (--link.users > 0) return;
    // Whoever starts a job for the device from now on gets another link.
    if (this.#linked.get(link.device) === link) this.#linked.delete(link.device);
    link.close(() => this.#links.delete(link.number));
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case 'requests':
        this.#forwarded.serve(message.words, (number) => this.#links.get(number)?.device);
        return;
      case 'arena':
        this.#forwarded.useArena(message.address, message.length);
        return;
      case 'withdrawn':
        this.#links.get(message.device)?.withdrawn();
        return;
      case 'result':
        this.#takeCall(message.call)?.resolve(message.value);
        return;
      case 'failure':
        this.#takeCall(message.call)?.reject(decodeError(message.error));
        return;
      case 'ended':
        this.#runs.get(message.run)?.end(message.counters, message.error && decodeError(message.error));
        return;
      case 'problem':
        this.#options.log(decodeError(message.error));
        return;
    }
  }

  #call(message: (call: number) => ToThread): Promise<unknown> {
    const call = ++this.#numbers;
    return new Promise((resolve, reject) => {
      // Parameters that cannot be sent are refused here.
      this.#post(message(call));
      this.#calls.set(call, { resolve, reject });
    });
  }

  #takeCall(call: number): Call | undefined {
    const waiting = this.#calls.get(call);
    this.#calls.delete(call);
    return waiting;
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}
