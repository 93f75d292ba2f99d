/**
 * A thread that serves NBD connections on a device of its own over memory or a file that all threads share. See
 * nbd-threads.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type BlockDevice, MemoryDevice, openFile } from '../../src/block/index.ts';
import { type NbdConnectionParameters, serveNbdConnection } from '../../src/export/nbd/index.ts';
import type { QueueRun } from '../../src/export/queue-threads.ts';

export interface ThreadData {
  readonly content?: SharedArrayBuffer;
  readonly path?: string;
  /** Every request finishes later, after so many turns of the event loop at most. */
  readonly late?: number;
}

export type ToNbdThread =
  | { readonly type: 'start'; readonly run: number; readonly parameters: NbdConnectionParameters }
  | { readonly type: 'stop' | 'counters'; readonly run: number; readonly call: number };

export type FromNbdThread =
  | { readonly type: 'started' | 'ended'; readonly run: number; readonly error?: string }
  | { readonly type: 'answer'; readonly call: number; readonly value?: unknown };

const { content, path, late } = workerData as ThreadData;
const runs = new Map<number, QueueRun>();

async function openDevice(): Promise<BlockDevice> {
  const device = content ? new MemoryDevice(new Uint8Array(content)) : await openFile(path as string);
  return late === undefined ? device : delayed(device, late);
}

function delayed(device: BlockDevice, most: number): BlockDevice {
  let count = 0;
  const later = async (): Promise<void> => {
    count += 1;
    const turns = (count * 7) % (most + 1);
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return Object.assign(Object.create(device) as BlockDevice, {
    name: device.name,
    size: device.size,
    readOnly: device.readOnly,
    limits: device.limits,
    features: device.features,
    read: (offset: number, into: Uint8Array) => later().then(() => device.read(offset, into)),
    write: (offset: number, from: Uint8Array) => later().then(() => device.write(offset, from)),
    flush: () => later().then(() => device.flush()),
    discard: (offset: number, length: number) => later().then(() => device.discard(offset, length)),
    writeZeroes: (offset: number, length: number) => later().then(() => device.writeZeroes(offset, length)),
  });
}

const device = openDevice();
const post = (message: FromNbdThread): void => parentPort?.postMessage(message);

async function start(number: number, parameters: NbdConnectionParameters): Promise<void> {
  try {
    const run = await serveNbdConnection(await device, parameters);
    runs.set(number, run);
    post({ type: 'started', run: number });
    run.ended.then(
      () => post({ type: 'ended', run: number }),
      (error: Error) => post({ type: 'ended', run: number, error: error.message }),
    );
  } catch (error) {
    post({ type: 'started', run: number, error: (error as Error).message });
  }
}

parentPort?.on('message', (message: ToNbdThread) => {
  if (message.type === 'start') void start(message.run, message.parameters);
  else {
    const run = runs.get(message.run);
    const done = message.type === 'stop' ? run?.stop() : run?.counters();
    void Promise.resolve(done).then((value) => post({ type: 'answer', call: message.call, value }));
  }
});
