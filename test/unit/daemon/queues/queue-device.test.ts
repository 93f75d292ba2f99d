import { copyFile, rename } from 'node:fs/promises';
import { serialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { useSecretAllocator } from '../../../../src/crypto/secret.ts';
import type { MappedDevice } from '../../../../src/dm/index.ts';
import { createSecretMemory, ffiAvailable } from '../../../../src/sys/index.ts';
import { codeOf, expectBytes, pattern, read } from '../../../suites/block-device.ts';
import { DeviceInThread, pool, threadProgram } from '../../../suites/queue-threads.ts';
import { run } from '../../../suites/tools.ts';
import { type House, house, XTS_KEY } from './support.ts';

const program = threadProgram();
const crashing = threadProgram('test/suites/queue-crash-program.ts');
let threads: ReturnType<typeof pool>;
let here: House;

beforeAll(async () => {
  const memory = createSecretMemory();
  if (memory) useSecretAllocator(memory);
  threads = pool(program.path);
  here = await house();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await here.clear();
});
afterAll(async () => {
  await threads.close();
  await here.end();
});

/** Until requests made in the thread are no longer passed on (or, again, are). */
async function served(by: 'copy' | 'device', device: MappedDevice, stand: DeviceInThread): Promise<void> {
  const reads = vi.spyOn(device, 'read');
  await vi.waitFor(async () => {
    reads.mockClear();
    await stand.read(0, 4096);
    expect(reads.mock.calls.length).toBe(by === 'copy' ? 0 : 1);
  });
  reads.mockRestore();
}

describe.skipIf(!ffiAvailable())('a device in a queue thread', () => {
  it('looks like the device, and goes on looking like it', async () => {
    const device = await here.create('looks', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const stand = await DeviceInThread.open(threads, device);
    const facts = () => {
      const { name, size, readOnly, limits, features } = device;
      return { name, size, readOnly, limits, features };
    };
    const alike = () => vi.waitFor(async () => expect(await stand.facts()).toEqual(facts()));
    await alike();
    await here.load(
      device,
      (disk) => `0 4096 crypt aes-xts-plain64 ${XTS_KEY} 0 ${disk(4096)} 0 1 sector_size:4096`,
    );
    await device.resume();
    await alike();
    expect(device.size).toBe(4096 * 512);
    await here.mapper.rename(device, 'renamed');
    await alike();
    expect((await stand.facts()).name).toBe('renamed');
    await stand.close();
  });

  it('is served by a copy, which reads and writes what the device does', async () => {
    const device = await here.create(
      'same',
      (disk) => `0 4096 crypt aes-xts-plain64 ${XTS_KEY} 0 ${disk(4096)} 0`,
    );
    const stand = await DeviceInThread.open(threads, device);
    await served('copy', device, stand);
    const data = pattern(64 * 1024, 3);
    await device.write(8192, data);
    expectBytes(await stand.read(8192, data.length), data);
    const other = pattern(300 * 1024, 4);
    await stand.write(100 * 4096, other, { fua: true, mayClobber: true });
    expectBytes(await read(device, 100 * 4096, other.length), other);
    await stand.writeZeroes(8192, 4096, { fua: true });
    expectBytes(
      await read(device, 8192, 8192),
      new Uint8Array([...new Uint8Array(4096), ...data.subarray(4096, 8192)]),
    );
    await stand.flush();
    expect(await stand.extents(0, 4096)).toEqual([{ length: 4096, hole: false, zero: false }]);
    expect(await codeOf(() => stand.read(device.size, 512))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => stand.write(device.size, new Uint8Array(512)))).toBe('NO_SPACE');
    await stand.close();
  });

  it('leaves a buffer alone unless it was given up', async () => {
    const device = await here.create(
      'buffers',
      (disk) => `0 4096 crypt aes-xts-plain64 ${XTS_KEY} 0 ${disk(4096)} 0`,
    );
    const stand = await DeviceInThread.open(threads, device);
    const data = pattern(4096, 5);
    for (const by of ['copy', 'device'] as const) {
      if (by === 'device') await device.message(0, ['@stats_create', '-', '/1']);
      await served(by, device, stand);
      expectBytes(await stand.write(0, data), data);
      expect(Buffer.compare(await stand.write(0, data, { mayClobber: true }), data)).not.toBe(0);
      expectBytes(await stand.read(0, 4096), data);
    }
    await stand.close();
  });

  it('flushes the device itself, also for a write with FUA', async () => {
    const device = await here.create('flushed', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const stand = await DeviceInThread.open(threads, device);
    await served('copy', device, stand);
    const flush = vi.spyOn(device, 'flush');
    await stand.write(0, pattern(4096, 1));
    expect(flush).not.toHaveBeenCalled();
    await stand.write(0, pattern(4096, 1), { fua: true });
    expect(flush).toHaveBeenCalledTimes(1);
    await stand.writeZeroes(0, 4096, { fua: true });
    expect(flush).toHaveBeenCalledTimes(2);
    await stand.flush();
    expect(flush).toHaveBeenCalledTimes(3);
    await stand.close();
  });

  it('passes requests on while there are statistics, so that all are counted', async () => {
    const device = await here.create('counted', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const stand = await DeviceInThread.open(threads, device);
    await served('copy', device, stand);
    await device.message(0, ['@stats_create', '-', '/1']);
    for (let block = 0; block < 20; block++) await stand.write(block * 4096, pattern(4096, block));
    for (let block = 0; block < 30; block++) await stand.read(block * 4096, 4096);
    const [, reads, , , , writes] = (await device.message(0, ['@stats_print', '0'])).split(' ');
    expect([reads, writes]).toEqual(['30', '20']);
    await device.message(0, ['@stats_delete', '0']);
    await served('copy', device, stand);
    await stand.close();
  });

  it('counts requests from the answer to @stats_create on, under load as well', async () => {
    const device = await here.create('counted', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const stand = await DeviceInThread.open(threads, device);
    for (let turn = 0; turn < 20; turn++) {
      await served('copy', device, stand);
      const before = Promise.all(Array.from({ length: 8 }, () => stand.read(0, 4096)));
      await device.message(0, ['@stats_create', '-', '/1']);
      await Promise.all([before, ...Array.from({ length: 8 }, () => stand.read(0, 4096))]);
      const [, reads] = (await device.message(0, ['@stats_print', '0'])).split(' ');
      expect(Number(reads)).toBeGreaterThanOrEqual(8);
      await device.message(0, ['@stats_delete', '0']);
    }
    await stand.close();
  });

  it('waits while the device is suspended, and goes through the table that is live afterwards', async () => {
    const device = await here.create('waits', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const stand = await DeviceInThread.open(threads, device);
    await served('copy', device, stand);
    await device.suspend();
    let done = false;
    const data = pattern(4096, 9);
    const write = stand.write(4096, data).then(() => {
      done = true;
    });
    await stand.facts();
    expect(done).toBe(false);
    await here.load(device, (disk) => `0 2048 linear ${disk(2048)} 0`);
    await device.resume();
    await write;
    expectBytes(await read(device, 4096, 4096), data);
    await served('copy', device, stand);
    expectBytes(await stand.read(4096, 4096), data);
    await stand.close();
  });

  it('fails what waits when no resume will come', async () => {
    const device = await here.create('refused', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const stand = await DeviceInThread.open(threads, device);
    await device.suspend();
    const reads = vi.spyOn(device, 'read');
    const waiting = codeOf(() => stand.read(0, 4096));
    await vi.waitFor(() => expect(reads).toHaveBeenCalled());
    expect(await codeOf(() => device.close())).toBe('DEVICE_BUSY');
    device.refuseWaiting();
    expect(await waiting).toBe('IO_ERROR');
    await device.resume();
    await stand.close();
  });

  it('follows devices below: their suspensions, tables, statistics', async () => {
    const lower = await here.create('lower', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const upper = await here.create(
      'upper',
      () => `0 2048 crypt aes-xts-plain64 ${XTS_KEY} 0 /dev/mapper/lower 0`,
    );
    const stand = await DeviceInThread.open(threads, upper);
    await served('copy', upper, stand);
    const data = pattern(4096, 2);
    await lower.suspend();
    const write = stand.write(0, data);
    await here.load(lower, (disk) => `0 2048 linear ${disk(4096)} 2048`);
    await lower.resume();
    await write;
    expectBytes(await read(upper, 0, 4096), data);
    await served('copy', upper, stand);
    expectBytes(await stand.read(0, 4096), data);
    await lower.message(0, ['@stats_create', '-', '/1']);
    await served('device', upper, stand);
    await lower.message(0, ['@stats_delete', '0']);
    await served('copy', upper, stand);
    await stand.close();
  });

  it('passes requests on to what cannot be copied, and is copied when it can be', async () => {
    const device = await here.create('delay', (disk) => `0 2048 delay ${disk(2048)} 0 0`);
    const stand = await DeviceInThread.open(threads, device);
    const data = pattern(8192, 6);
    await stand.write(0, data, { fua: true });
    expectBytes(await stand.read(0, 8192), data);
    await served('device', device, stand);
    await here.load(device, (disk) => `0 2048 linear ${disk(2048)} 0`);
    await device.resume();
    await served('copy', device, stand);
    await here.load(device, (disk) => `0 1024 linear ${disk(2048)} 0\n1024 1024 flakey ${disk(2048)} 0 9 0`);
    await device.resume();
    await served('device', device, stand);
    await stand.close();
  });

  it('changes the key while suspended', async () => {
    const device = await here.create(
      'key',
      (disk) => `0 2048 crypt aes-xts-plain64 ${XTS_KEY} 0 ${disk(2048)} 0`,
    );
    const stand = await DeviceInThread.open(threads, device);
    await served('copy', device, stand);
    const data = pattern(4096, 8);
    await stand.write(0, data);
    await device.suspend();
    await device.message(0, ['key', 'set', XTS_KEY.split('').reverse().join('')]);
    await device.resume();
    await served('copy', device, stand);
    expect(Buffer.compare(await stand.read(0, 4096), data)).not.toBe(0);
    await stand.write(4096, data);
    expectBytes(await read(device, 4096, 4096), data);
    await stand.close();
  });

  it('takes note of a stripe that fails', async () => {
    const device = await here.create(
      'stripes',
      (disk) => `0 4096 striped 2 8 ${disk(2048)} 0 ${disk(2048)} 0`,
    );
    const stand = await DeviceInThread.open(threads, device);
    await served('copy', device, stand);
    const { eventNumber } = device.info;
    // The second stripe loses its last part, which nothing but the file says.
    await here.truncate(1, 1024 * 512);
    expect(await codeOf(() => stand.read(4096 + 2 * 1024 * 512, 4096))).toBe('IO_ERROR');
    expect(device.info.eventNumber).toBe(eventNumber + 1);
    expect(device.status()[0]?.info).toMatch(/1 AD$/);
    await stand.close();
  });

  it('is told where keys lie, never what they are', async () => {
    const messages: Buffer[] = [];
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message: unknown) {
      messages.push(serialize(message));
      return postMessage.call(this, message);
    });
    const device = await here.create(
      'secret',
      (disk) => `0 2048 crypt aes-xts-plain64 ${XTS_KEY} 0 ${disk(2048)} 0`,
    );
    const stand = await DeviceInThread.open(threads, device);
    await served('copy', device, stand);
    const key = Buffer.from(XTS_KEY, 'hex');
    const sent = Buffer.concat(messages);
    expect(sent.includes('aes-xts-plain64')).toBe(true);
    expect(sent.includes(key)).toBe(false);
    expect(sent.includes(key.subarray(0, 8))).toBe(false);
    expect(sent.toString('latin1').toLowerCase()).not.toContain(XTS_KEY.slice(0, 16));
    await stand.close();
  });

  it('is let go before the device closes, which deferred removal waits for as ever', async () => {
    const device = await here.create(
      'deferred',
      (disk) => `0 2048 crypt aes-xts-plain64 ${XTS_KEY} 0 ${disk(2048)} 0`,
    );
    const use = device.open();
    const stand = await DeviceInThread.open(threads, device);
    await served('copy', device, stand);
    let removed: Promise<void> | undefined;
    device.deferRemoval(() => {
      removed = here.mapper.remove(device);
    });
    expect(await codeOf(() => device.close())).toBe('DEVICE_BUSY');
    await stand.write(0, pattern(4096, 1));
    await use.close();
    await removed;
    expect(await codeOf(() => stand.read(0, 4096))).toBe('INVALID_ARGUMENT');
    await stand.close();
  });
});

const { postMessage } = Worker.prototype;

describe.skipIf(!ffiAvailable())('a pool of queue threads', () => {
  it('offers one thread, this one, where the stack cannot be copied', async () => {
    const device = await here.create('one', (disk) => `0 2048 delay ${disk(2048)} 0 0`);
    const offered = threads.threadsFor(device);
    expect(offered.count).toBe(1);
    const load = { start: 0, length: device.size, blockSize: 4096, depth: 2, seed: 1 };
    const reads = vi.spyOn(device, 'read');
    const running = await offered.start(0, 'ublk', load);
    await vi.waitFor(() => expect(reads.mock.calls.length).toBeGreaterThan(10));
    await running.stop();
    await running.ended;
  });

  it('offers one thread where it may have no more', async () => {
    const device = await here.create('single', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const single = pool(program.path, { threads: 1 });
    expect(single.threadsFor(device).count).toBe(1);
    expect(threads.threadsFor(device).count).toBe(2);
    await single.close();
  });

  it('starts no threads of another version than its own', async () => {
    const device = await here.create('upgraded', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const path = `${program.path}.copy.mjs`;
    await copyFile(program.path, path);
    const own = pool(path);
    const offered = own.threadsFor(device);
    expect(offered.count).toBe(2);
    await copyFile(program.path, `${path}.new`);
    await rename(`${path}.new`, path);
    expect(offered.count).toBe(1);
    const reads = vi.spyOn(device, 'read');
    const load = { start: 0, length: device.size, blockSize: 4096, depth: 2, seed: 1 };
    const running = await offered.start(1, 'ublk', load);
    await vi.waitFor(() => expect(reads.mock.calls.length).toBeGreaterThan(10));
    await running.stop();
    await running.ended;
    await own.close();
  });

  it('refuses parameters that cannot be sent', async () => {
    const device = await here.create('unsent', (disk) => `0 2048 linear ${disk(2048)} 0`);
    await expect(threads.threadsFor(device).start(1, 'nbd', { channel: () => {} })).rejects.toThrow();
  });

  it('takes the process with it when a thread dies', async () => {
    const disk = await here.disk(2048);
    const { status, stderr } = await run(process.execPath, [crashing.path, program.path, disk]);
    expect(status).toBe(1);
    expect(stderr).toContain('thrown in a queue thread');
  });

  it('tells of a thread that dies', async () => {
    const device = await here.create('crash', (disk) => `0 2048 linear ${disk(2048)} 0`);
    const crash = vi.fn();
    const own = pool(program.path, { crash });
    const stand = await DeviceInThread.open(own, device);
    stand.crash();
    await vi.waitFor(() => expect(crash).toHaveBeenCalled());
    expect(String(crash.mock.calls[0]?.[0])).toContain('thrown in a queue thread');
    await own.close();
  });
});
