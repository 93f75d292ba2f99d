import { BroadcastChannel } from 'node:worker_threads';
import type { Extent } from '../../src/block/index.ts';
import { decodeError } from '../../src/daemon/error-transfer.ts';
import type { DeviceFacts } from '../../src/daemon/queues/messages.ts';
import { QueueThreadPool, type QueueThreadPoolOptions } from '../../src/daemon/queues/thread-pool.ts';
import type { MappedDevice } from '../../src/dm/index.ts';
import type { QueueRun } from '../../src/export/queue-threads.ts';
import { LOAD_JOB } from './queue-load.ts';
import type { Order } from './queue-thread-program.ts';

/** Threads with the jobs of queue-thread-program.ts. */
export function pool(program: string, options: Partial<QueueThreadPoolOptions> = {}): QueueThreadPool {
  return new QueueThreadPool({
    jobs: {
      nbd: async () => {
        throw new Error('not in a thread');
      },
      ublk: LOAD_JOB,
    },
    log: (error) => {
      throw error;
    },
    threads: 2,
    program,
    ...options,
  });
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

let channels = 0;

/** A mapped device as a queue thread sees it, for a test in the main thread. */
export class DeviceInThread {
  readonly #channel: BroadcastChannel;
  readonly #waiting = new Map<number, Waiting>();
  readonly run: QueueRun;
  #orders = 0;

  static async open(threads: QueueThreadPool, device: MappedDevice, index = 1): Promise<DeviceInThread> {
    const name = `${process.pid} ${++channels}`;
    const run = await threads.threadsFor(device).start(index, 'nbd', { channel: name });
    return new DeviceInThread(name, run);
  }

  private constructor(name: string, run: QueueRun) {
    this.run = run;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (event) => {
      const { answer, value, error } = (event as { data: { answer: number; value: unknown; error: unknown } })
        .data;
      const waiting = this.#waiting.get(answer);
      this.#waiting.delete(answer);
      if (error) waiting?.reject(decodeError(error));
      else waiting?.resolve(value);
    };
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return (await this.#order({ method: 'read', offset, length })) as Uint8Array;
  }

  /** @returns what the buffer holds afterwards */
  async write(offset: number, data: Uint8Array, options: Record<string, boolean> = {}): Promise<Uint8Array> {
    return (await this.#order({
      method: 'write',
      offset,
      length: data.length,
      data: new Uint8Array(data),
      options,
    })) as Uint8Array;
  }

  async flush(): Promise<void> {
    await this.#order({ method: 'flush', offset: 0, length: 0 });
  }

  async discard(offset: number, length: number): Promise<void> {
    await this.#order({ method: 'discard', offset, length });
  }

  async writeZeroes(offset: number, length: number, options: Record<string, boolean> = {}): Promise<void> {
    await this.#order({ method: 'writeZeroes', offset, length, options });
  }

  async extents(offset: number, length: number): Promise<Extent[]> {
    return (await this.#order({ method: 'extents', offset, length })) as Extent[];
  }

  async facts(): Promise<DeviceFacts> {
    return (await this.#order({ method: 'facts', offset: 0, length: 0 })) as DeviceFacts;
  }

  /** Something is thrown in the thread that nobody catches. */
  crash(): void {
    this.#order({ method: 'throw', offset: 0, length: 0 }).catch(() => {});
  }

  async close(): Promise<void> {
    this.#channel.close();
    await this.run.stop();
    await this.run.ended;
  }

  #order(order: Omit<Order, 'order'>): Promise<unknown> {
    const number = ++this.#orders;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#channel.postMessage({ ...order, order: number });
    });
  }
}
