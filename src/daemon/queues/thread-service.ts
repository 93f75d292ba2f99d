import type { MessagePort } from 'node:worker_threads';
import { arena } from '../../arena.ts';
import { TscryptError } from '../../errors.ts';
import type { QueueJob, QueueJobName, QueueRun } from '../../export/queue-threads.ts';
import { addressOf } from '../../sys/index.ts';
import { encodeError, type TransferredError } from '../error-transfer.ts';
import { Forwarding } from './forwarding.ts';
import type { FromThread, StartCall, ToThread } from './messages.ts';
import { QueueDevice } from './queue-device.ts';

/** What goes on in a queue thread: does what the main thread says, for as long as the port is open. */
export class ThreadService {
  readonly #port: MessagePort;
  readonly #jobs: Readonly<Record<QueueJobName, QueueJob<never>>>;
  readonly #forwarding = new Forwarding((message) => this.#post(message));
  readonly #devices = new Map<number, QueueDevice>();
  readonly #runs = new Map<number, QueueRun>();

  constructor(port: MessagePort, jobs: Readonly<Record<QueueJobName, QueueJob<never>>>) {
    this.#port = port;
    this.#jobs = jobs;
    const memory = arena()?.buffer;
    if (memory) {
      this.#post({ type: 'arena', address: addressOf(new Uint8Array(memory)), length: memory.byteLength });
    }
    port.on('message', (message: ToThread) => this.#receive(message));
  }

  #receive(message: ToThread): void {
    switch (message.type) {
      case 'answers':
        this.#forwarding.answered(message);
        return;
      case 'open':
        this.#devices.set(message.device, new QueueDevice(message.device, message.facts, this.#forwarding));
        return;
      case 'facts':
        this.#device(message.device).facts = message.facts;
        return;
      case 'copy':
        this.#device(message.device).serveCopy(message.plan, this.report);
        return;
      case 'withdraw':
        void this.#withdraw(message.device);
        return;
      case 'close':
        this.#devices.delete(message.device);
        return;
      case 'start':
        this.#answer(message.call, () => this.#start(message));
        return;
      case 'stop':
        this.#answer(message.call, () => this.#runs.get(message.run)?.stop());
        return;
      case 'count':
        this.#answer(message.call, () => this.#runs.get(message.run)?.counters());
        return;
    }
  }

  async #start({ device, run, job, parameters }: StartCall): Promise<void> {
    const running = await this.#jobs[job](this.#device(device), parameters as never);
    this.#runs.set(run, running);
    running.ended.then(
      () => this.#ended(run, running, undefined),
      (error: unknown) => this.#ended(run, running, encodeError(error)),
    );
  }

  async #ended(run: number, running: QueueRun, error: TransferredError | undefined): Promise<void> {
    const counters = await running.counters();
    this.#runs.delete(run);
    this.#post({ type: 'ended', run, counters, error });
  }

  async #withdraw(device: number): Promise<void> {
    await this.#device(device).withdrawCopy();
    this.#post({ type: 'withdrawn', device });
  }

  #answer(call: number, action: () => unknown): void {
    const run = async (): Promise<unknown> => await action();
    run().then(
      (value) => this.#post({ type: 'result', call, value }),
      (error: unknown) => this.#post({ type: 'failure', call, error: encodeError(error) }),
    );
  }

  #device(number: number): QueueDevice {
    const device = this.#devices.get(number);
    if (device) return device;
    throw new TscryptError('INTERNAL', `a queue thread has no device ${number}`);
  }

  /** Has the main thread's log say it. */
  readonly report = (error: unknown): void => {
    this.#post({ type: 'problem', error: encodeError(error) });
  };

  #post(message: FromThread): void {
    this.#port.postMessage(message);
  }
}
