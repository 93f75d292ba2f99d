import { copyFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useSecretAllocator } from '../../../../src/crypto/secret.ts';
import type { MappedDevice } from '../../../../src/dm/index.ts';
import type { QueueRun } from '../../../../src/export/queue-threads.ts';
import { createSecretMemory, ffiAvailable } from '../../../../src/sys/index.ts';
import type { LoadParameters } from '../../../suites/queue-load.ts';
import { pool, threadProgram } from '../../../suites/queue-threads.ts';
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
afterEach(() => here.clear());
afterAll(async () => {
  await threads.close();
  await here.end();
});

const SECTORS = 8192;
const BLOCK = 4096;
const PART = (SECTORS / 2) * 512;

/** Loads that know what they wrote, in each thread one on a part of its own. */
async function load(device: MappedDevice): Promise<QueueRun[]> {
  const offered = threads.threadsFor(device);
  expect(offered.count).toBe(2);
  const parameters = (index: number): LoadParameters => ({
    start: index * PART,
    length: PART,
    blockSize: BLOCK,
    depth: 8,
    seed: 77 + index,
  });
  return Promise.all([0, 1].map((index) => offered.start(index, 'ublk', parameters(index))));
}

/** None failed, and all were busy. */
async function end(runs: readonly QueueRun[]): Promise<void> {
  await Promise.all(runs.map((run) => run.stop()));
  await Promise.all(runs.map((run) => run.ended));
  for (const run of runs) {
    const { reads, writes, errors } = await run.counters();
    expect(errors).toBe(0);
    expect(reads).toBeGreaterThan(100);
    expect(writes).toBeGreaterThan(100);
  }
}

const later = () => new Promise((resolve) => setTimeout(resolve, 1));

describe.skipIf(!ffiAvailable())('a device that changes while two threads serve it', () => {
  it('loses and fails nothing in 200 changes of its table, its size and its state', async () => {
    const disks = [await here.disk(2 * SECTORS), await here.disk(2 * SECTORS)];
    let at = 0;
    const crypt = (start: number, length: number): string =>
      `${start} ${length} crypt aes-xts-plain64 ${XTS_KEY} ${start} ${disks[at]} ${start}`;
    const tables = [
      () => crypt(0, SECTORS),
      () => `${crypt(0, 1000)}\n${crypt(1000, SECTORS - 1000)}`,
      () => crypt(0, 2 * SECTORS),
      () => `${crypt(0, SECTORS)}\n${SECTORS} 4096 error`,
    ];
    const device = await here.create('busy', () => crypt(0, SECTORS));
    const runs = await load(device);
    for (let turn = 0; turn < 200; turn++) {
      const flush = turn % 3 !== 0;
      if (turn % 5 === 0) {
        await device.suspend({ flush });
        // The data moves to another disk: what a copy of the old table did from now on would be lost.
        await copyFile(disks[at] as string, disks[1 - at] as string);
        at = 1 - at;
        await later();
      }
      await here.load(device, tables[turn % tables.length] as () => string);
      await device.resume({ flush });
      await later();
      if (turn % 7 === 0) {
        await device.message(0, ['@stats_create', '-', '/2']);
        await later();
        await device.message(0, ['@stats_delete', '0']);
      }
    }
    await end(runs);
  });

  it('loses and fails nothing when what changes lies below, and is changed itself meanwhile', async () => {
    const [one, two] = [await here.disk(SECTORS), await here.disk(SECTORS)];
    await here.create('left', () => `0 ${SECTORS / 2} linear ${one} 0`);
    await here.create('right', () => `0 ${SECTORS / 2} linear ${two} 0`);
    const striped = `0 ${SECTORS} striped 2 16 /dev/mapper/left 0 /dev/mapper/right 0`;
    const top = await here.create('top', () => striped);
    const [left, right] = ['left', 'right'].map((name) => here.mapper.find(name)) as [
      MappedDevice,
      MappedDevice,
    ];
    const runs = await load(top);
    const change = async (device: MappedDevice, table: string, turns: number): Promise<void> => {
      for (let turn = 0; turn < turns; turn++) {
        await here.load(device, () => table);
        await device.resume({ flush: turn % 2 === 0 });
        await later();
      }
    };
    await Promise.all([
      change(left, `0 ${SECTORS / 2} linear ${one} 0`, 60),
      change(right, `0 100 linear ${two} 0\n100 ${SECTORS / 2 - 100} linear ${two} 100`, 60),
      change(top, striped, 60),
    ]);
    await end(runs);
  });

  it('is served by what cannot be copied as well, for a while', async () => {
    const disk = await here.disk(SECTORS);
    const device = await here.create('mixed', () => `0 ${SECTORS} linear ${disk} 0`);
    const runs = await load(device);
    for (let turn = 0; turn < 40; turn++) {
      const type = turn % 2 === 0 ? `delay ${disk} 0 0` : `linear ${disk} 0`;
      await here.load(device, () => `0 ${SECTORS} ${type}`);
      await device.resume();
      await later();
    }
    await end(runs);
  });

  it('takes runs that come and go', async () => {
    const disk = await here.disk(SECTORS);
    const device = await here.create(
      'turns',
      () => `0 ${SECTORS} crypt aes-xts-plain64 ${XTS_KEY} 0 ${disk} 0`,
    );
    const offered = threads.threadsFor(device);
    for (let turn = 0; turn < 20; turn++) {
      const run = await offered.start(turn, 'ublk', {
        start: 0,
        length: device.size,
        blockSize: BLOCK,
        depth: 4,
        seed: turn,
      });
      const suspended = device.suspend();
      const stopped = run.stop();
      await suspended;
      await device.resume();
      await stopped;
      await run.ended;
    }
    await device.suspend();
    await device.resume();
  });
});
