// A thread that serves one queue from a file of its own opening. Asked by exports.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { openFile } from '../../../src/block/index.ts';
import type { QueueRun } from '../../../src/export/queue-threads.ts';
import { type UblkQueueParameters, ublkQueue } from '../../../src/export/ublk/queue.ts';

let run: QueueRun | undefined;

parentPort?.on('message', async (message: { start?: UblkQueueParameters; stop?: true; counters?: true }) => {
  if (message.start) {
    run = await ublkQueue(await openFile(workerData.path), message.start);
    void run.ended.then(() => parentPort?.postMessage('ended'));
    parentPort?.postMessage('started');
  }
  if (message.stop) void run?.stop();
  if (message.counters) parentPort?.postMessage(await run?.counters());
});
