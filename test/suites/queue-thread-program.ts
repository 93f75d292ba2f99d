/**
 * The program of queue threads under test: the real one, with jobs that tests can ask for anything.
 * See queue-threads.ts.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { arena } from '../../src/arena.ts';
import type { BlockDevice } from '../../src/block/index.ts';
import { encodeError } from '../../src/daemon/error-transfer.ts';
import { runQueueThread } from '../../src/daemon/queues/thread-program.ts';
import type { QueueCounters, QueueRun } from '../../src/export/queue-threads.ts';
import { LOAD_JOB, type LoadParameters } from './queue-load.ts';

export interface OrderParameters {
  readonly channel: string;
}

/** What the test wants done with the device in the thread. */
export interface Order {
  readonly order: number;
  readonly method: 'read' | 'write' | 'flush' | 'discard' | 'writeZeroes' | 'extents' | 'facts' | 'throw';
  readonly offset: number;
  readonly length: number;
  readonly data?: Uint8Array;
  readonly options?: Record<string, boolean>;
}

const NOTHING: QueueCounters = {
  reads: 0,
  readBytes: 0,
  writes: 0,
  writtenBytes: 0,
  flushes: 0,
  others: 0,
  errors: 0,
};

/** Does what it is told over a channel. */
async function orders(device: BlockDevice, { channel }: OrderParameters): Promise<QueueRun> {
  const port = new BroadcastChannel(channel);
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  port.onmessage = (event) => {
    const order = (event as { data: Order }).data;
    if (order.method === undefined) return;
    if (order.method === 'throw') setImmediate(() => thrown());
    run(device, order).then(
      (value) => port.postMessage({ answer: order.order, value }),
      (error: unknown) => port.postMessage({ answer: order.order, error: encodeError(error) }),
    );
  };
  return {
    ended,
    stop: async () => {
      port.close();
      end();
    },
    counters: async () => NOTHING,
  };
}

function thrown(): never {
  throw new Error('thrown in a queue thread');
}

async function run(device: BlockDevice, order: Order): Promise<unknown> {
  const { method, offset, length, data, options } = order;
  switch (method) {
    case 'read': {
      const into = buffer(length);
      await device.read(offset, into);
      return new Uint8Array(into);
    }
    case 'write': {
      const from = buffer(length);
      from.set(data ?? []);
      await device.write(offset, from, options);
      return new Uint8Array(from);
    }
    case 'flush':
      return await device.flush();
    case 'discard':
      return await device.discard(offset, length);
    case 'writeZeroes':
      return await device.writeZeroes(offset, length, options);
    case 'extents':
      return await device.extents?.(offset, length);
    case 'facts': {
      const { name, size, readOnly, limits, features } = device;
      return { name, size, readOnly, limits, features };
    }
    default:
      return undefined;
  }
}

let turn = 0;

/** In the arena, as exporters have it, or not. */
function buffer(length: number): Uint8Array {
  return (turn++ % 2 === 0 && length > 0 && arena()?.take(length)) || new Uint8Array(length);
}

runQueueThread({ nbd: orders, ublk: LOAD_JOB satisfies (device: BlockDevice, p: LoadParameters) => unknown });
