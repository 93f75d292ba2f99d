import type { BlockDevice } from '../../src/block/index.ts';
import type { QueueCounters, QueueRun } from '../../src/export/queue-threads.ts';

export interface LoadParameters {
  /** Bytes: the part of the device that this load has for itself. */
  readonly start: number;
  readonly length: number;
  readonly blockSize: number;
  /** Requests under way at a time. */
  readonly depth: number;
  readonly seed: number;
}

type Counts = { -readonly [K in keyof QueueCounters]: QueueCounters[K] };

/**
 * Reads and writes random blocks until it is stopped, and knows what must be in each: a block holds its number and how
 * often it was written. `ended` rejects when a request fails or a block is not what was written last.
 */
export async function LOAD_JOB(device: BlockDevice, parameters: LoadParameters): Promise<QueueRun> {
  const { start, length, blockSize, depth, seed } = parameters;
  const blocks = length / blockSize;
  const versions = new Uint32Array(blocks);
  const busy = new Set<number>();
  const counts: Counts = {
    reads: 0,
    readBytes: 0,
    writes: 0,
    writtenBytes: 0,
    flushes: 0,
    others: 0,
    errors: 0,
  };
  let state = seed;
  let stopping = false;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };

  const one = async (buffer: Uint8Array): Promise<void> => {
    const words = new Uint32Array(buffer.buffer, buffer.byteOffset, blockSize / 4);
    while (!stopping) {
      const block = random(blocks);
      if (busy.has(block)) {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      busy.add(block);
      const offset = start + block * blockSize;
      if (random(2) === 0) {
        const version = (versions[block] ?? 0) + 1;
        words.fill(block * 65536 + version);
        await device.write(offset, buffer, { mayClobber: random(2) === 0, fua: random(16) === 0 });
        versions[block] = version;
        counts.writes += 1;
        counts.writtenBytes += blockSize;
      } else {
        words.fill(0xffff_ffff);
        await device.read(offset, buffer);
        const version = versions[block] ?? 0;
        const expected = version === 0 ? undefined : block * 65536 + version;
        if (expected !== undefined && words.some((word) => word !== expected)) {
          throw new Error(`block ${block} holds ${words[0]}, not ${expected}`);
        }
        counts.reads += 1;
        counts.readBytes += blockSize;
      }
      if (random(64) === 0) {
        await device.flush();
        counts.flushes += 1;
      }
      busy.delete(block);
      // A request that ends inline must not keep the thread from hearing anything else.
      if (random(4) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const work = Promise.all(Array.from({ length: depth }, () => one(new Uint8Array(blockSize)))).then(
    () => {},
  );
  return {
    ended: work.catch((error: unknown) => {
      counts.errors += 1;
      throw error;
    }),
    stop: async () => {
      stopping = true;
      await work.catch(() => {});
    },
    counters: async () => ({ ...counts }),
  };
}
