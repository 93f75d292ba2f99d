import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockDevice } from '../../../../src/block/index.ts';
import { useSecretAllocator } from '../../../../src/crypto/secret.ts';
import { type MappedDevice, planStack } from '../../../../src/dm/index.ts';
import { createSecretMemory, ffiAvailable } from '../../../../src/sys/index.ts';
import { blockDeviceSuite, pattern, read } from '../../../suites/block-device.ts';
import { DeviceInThread, pool, threadProgram } from '../../../suites/queue-threads.ts';
import { type House, house, XTS_KEY } from './support.ts';

const program = threadProgram();
let threads: ReturnType<typeof pool>;
let here: House;

beforeAll(async () => {
  const memory = createSecretMemory();
  if (memory) useSecretAllocator(memory);
  threads = pool(program.path);
  here = await house();
});
afterAll(async () => {
  await threads.close();
  await here.end();
});

/** A device in a thread, for the conformance suite. Whoever serves it closes it when nothing is under way. */
async function asDevice(device: MappedDevice): Promise<BlockDevice> {
  const stand = await DeviceInThread.open(threads, device);
  const facts = await stand.facts();
  const requests = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  const request = async <T>(action: () => Promise<T>): Promise<T> => {
    if (closing) await closing;
    const done = action();
    requests.add(done);
    return done.finally(() => requests.delete(done));
  };
  const close = async (): Promise<void> => {
    await Promise.allSettled(requests);
    await here.mapper.remove(device);
  };
  return {
    ...facts,
    read: (offset, into) => request(async () => into.set(await stand.read(offset, into.length))),
    write: (offset, from, options) =>
      request(async () => {
        await stand.write(offset, from, { ...options });
      }),
    flush: () => request(() => stand.flush()),
    discard: (offset, length) => request(() => stand.discard(offset, length)),
    writeZeroes: (offset, length, options) =>
      request(() => stand.writeZeroes(offset, length, { ...options })),
    extents: (offset, length) => request(() => stand.extents(offset, length)),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

const SECTORS = 4096;

describe.skipIf(!ffiAvailable())('in a queue thread', () => {
  for (const [name, statistics] of [
    ['a copy', false],
    ['a device that requests are passed on to', true],
  ] as const) {
    blockDeviceSuite(name, {
      async create() {
        const table = `0 ${SECTORS} crypt aes-xts-plain64 ${XTS_KEY} 0`;
        const device = await here.create(
          'conforms',
          (disk) => `${table} ${disk(SECTORS)} 0 1 allow_discards`,
        );
        if (statistics) await device.message(0, ['@stats_create', '-', '/1']);
        return asDevice(device);
      },
      cleanup: () => here.clear(),
    });
  }
});

/** The same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Makes a device whose lines are of any stateless type, over files and other devices, which it makes as well.
 *
 * @param sectors a power of two, at least 64 for each level
 */
async function stack(
  random: (below: number) => number,
  sectors: number,
  depth: number,
  name: string,
): Promise<void> {
  let devices = 0;
  const below = async (length: number): Promise<string> => {
    if (depth === 0 || random(3) === 0) return await here.disk(length);
    const under = `${name}.${devices++}`;
    await stack(random, length, depth - 1, under);
    return `/dev/mapper/${under}`;
  };
  const line = async (length: number): Promise<string> => {
    switch (random(6)) {
      case 0:
        return `linear ${await here.disk(length + 8)} 8`;
      case 1:
        return `linear ${await below(length)} 0`;
      case 2:
        return `striped 2 8 ${await below(length / 2)} 0 ${await below(length / 2)} 0`;
      case 3:
        return `crypt aes-cbc-essiv:sha256 ${XTS_KEY.slice(0, 64)} 7 ${await below(length)} 0`;
      case 4:
        return 'zero';
      default: {
        const options = random(2) === 0 ? '' : ' 2 sector_size:4096 iv_large_sectors';
        return `crypt aes-xts-plain64 ${XTS_KEY} 0 ${await below(length)} 0${options}`;
      }
    }
  };
  const cut = (sectors / 4) * (1 + random(4));
  const lines = [`0 ${cut} ${await line(cut)}`];
  if (cut < sectors) lines.push(`${cut} ${sectors - cut} ${await line(sectors - cut)}`);
  await here.create(name, () => lines.join('\n'));
}

describe.skipIf(!ffiAvailable())('copies of random stacks', () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
    'hold what the device itself holds (seed %i)',
    async (seed) => {
      const random = numbers(seed * 7919);
      await stack(random, 8192, 2, 'top');
      const device = here.mapper.find('top') as MappedDevice;
      expect(planStack(device)).toBeDefined();
      const stand = await DeviceInThread.open(threads, device);
      const unit = device.limits.logicalBlockSize;
      const blocks = device.size / unit;
      for (let turn = 0; turn < 60; turn++) {
        const at = random(blocks);
        const length = (1 + random(Math.min(blocks - at, random(4) === 0 ? 512 : 16))) * unit;
        const offset = Math.min(at * unit, device.size - length);
        const data = pattern(length, turn + 1);
        const writer = random(2) === 0 ? stand : device;
        const options = { fua: random(4) === 0, mayClobber: random(2) === 0 };
        // `data` itself is given up where the device is in this thread.
        if (random(6) === 0) await writer.writeZeroes(offset, length, { fua: options.fua });
        else await writer.write(offset, new Uint8Array(data), options);
        const [there, seen] = await Promise.all([read(device, offset, length), stand.read(offset, length)]);
        expect(Buffer.compare(there, seen)).toBe(0);
      }
      const [all, same] = await Promise.all([read(device, 0, device.size), stand.read(0, device.size)]);
      expect(Buffer.compare(all, same)).toBe(0);
      await stand.close();
      await here.clear();
    },
  );
});
