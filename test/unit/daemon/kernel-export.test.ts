import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import { DeviceServer } from '../../../src/daemon/device-server.ts';
import { hasKernelRecord, recordedKernelDevice } from '../../../src/daemon/kernel-record.ts';
import type { ExportChoice } from '../../../src/daemon/request.ts';
import { devicePaths } from '../../../src/daemon/runtime-directory.ts';
import { MappedDevice } from '../../../src/dm/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import type { TableSpec } from '../../../src/table/index.ts';
import { FakeExporter } from '../../suites/fake-exporter.ts';

let directory: string;
let exporter: FakeExporter;
let disk: FaultDevice;
let mapped: MappedDevice;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tscrypt-export-'));
  await mkdir(join(directory, 'd'));
  exporter = new FakeExporter();
  disk = await FaultDevice.over(new MemoryDevice(8192));
  mapped = await MappedDevice.create({ name: 'd', openDevice: async () => disk });
});
afterEach(() => rm(directory, { recursive: true }));

const linear = (sectors: number): TableSpec => [
  { start: 0, length: sectors, type: 'linear', args: ['disk', '0'] },
];

async function resume(sectors: number): Promise<void> {
  await mapped.load(linear(sectors));
  await mapped.resume();
}

function serve(choice: ExportChoice, changed = (): void => {}): Promise<DeviceServer> {
  return DeviceServer.start({
    request: { name: 'd', uuid: '', export: choice },
    paths: { ...devicePaths(directory, 'd'), nbdSocket: join(directory, 'nbd.sock') },
    device: mapped,
    remove: () => mapped.close(),
    common: false,
    dependency: (label) => ({ label, name: label }),
    shortcomings: () => [],
    queues: { count: 1, start: () => Promise.reject(new Error('no jobs here')) },
    exporters: [exporter],
    changed,
    log: () => {},
    workingDirectory: directory,
  });
}

describe('showing a device in the kernel', () => {
  it('happens when it has a table, with its size then and later', async () => {
    const server = await serve('auto');
    expect(server.info.export).toEqual({ kind: 'socket' });
    await resume(8);
    await server.kernel.tableChanged();
    expect(server.info.export).toEqual({
      kind: 'ublk',
      node: '/dev/fake0',
      queues: 1,
      numbers: { major: 259, minor: 7 },
    });
    expect(exporter.last.size).toBe(4096);
    const record = recordedKernelDevice(join(directory, 'd'));
    expect(record).toEqual({
      identifier: exporter.last.options.identifier,
      state: { kind: 'ublk', node: '/dev/fake0' },
    });
    await resume(16);
    await server.kernel.tableChanged();
    expect(exporter.made).toHaveLength(1);
    expect(exporter.last.size).toBe(8192);
    await server.close();
    expect(exporter.last.gone).toBe('detached');
    expect(hasKernelRecord(join(directory, 'd'))).toBe(false);
  });

  it('that cannot follow a change of size says so and goes on', async () => {
    await resume(16);
    const server = await serve('auto');
    exporter.last.used = true;
    await resume(8);
    await server.kernel.tableChanged();
    expect(server.info.export).toMatchObject({
      kind: 'ublk',
      reason: expect.stringContaining('It is in use.'),
    });
    exporter.last.used = false;
    await server.close();
  });

  it('is given up for the socket when nothing is available, with the reason', async () => {
    exporter.answer = { usable: false, reason: 'The module is not loaded.' };
    await resume(8);
    const server = await serve('auto');
    expect(server.info.export).toEqual({ kind: 'socket', reason: 'ublk: The module is not loaded.' });
    await server.close();
  });

  it('is given up for the socket when attaching fails', async () => {
    exporter.failure = new TscryptError('IO_ERROR', 'The kernel said no.');
    await resume(8);
    const server = await serve('auto');
    expect(server.info.export).toEqual({ kind: 'socket', reason: 'ublk: The kernel said no.' });
    await server.close();
  });

  it('fails when it was asked for and cannot be had', async () => {
    exporter.answer = { usable: false, reason: 'The module is not loaded.', remedy: 'modprobe ublk_drv' };
    await resume(8);
    await expect(serve('ublk')).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: 'The module is not loaded.',
      hint: 'modprobe ublk_drv',
    });
    await mapped.close();
  });

  it('is not tried when the socket was asked for', async () => {
    await resume(8);
    const server = await serve('socket');
    expect(exporter.made).toHaveLength(0);
    await server.close();
  });

  it('ends without us when another program takes the device away', async () => {
    await resume(8);
    const changed = vi.fn();
    const server = await serve('auto', changed);
    exporter.last.end();
    await vi.waitFor(() => expect(server.info.export.kind).toBe('socket'));
    expect(server.info.export.reason).toMatch(/taken away/);
    expect(changed).toHaveBeenCalledTimes(2);
    await server.close();
  });
});

describe('closing what the kernel shows', () => {
  it('is refused while it is in use, and the device goes on', async () => {
    await resume(8);
    const server = await serve('auto');
    exporter.last.used = true;
    expect((await server.inspect()).openCount).toBe(1);
    await expect(server.close()).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      details: { node: '/dev/fake0' },
    });
    expect(exporter.last.gone).toBeUndefined();
    await mapped.write(0, new Uint8Array(512));
    expect(await server.close({ force: true })).toBe(true);
    expect(exporter.last.gone).toBe('detached');
  });

  it('later happens soon after the last user is gone', async () => {
    await resume(8);
    const server = await serve('auto');
    exporter.last.used = true;
    expect(await server.close({ deferred: true })).toBe(false);
    expect(server.info.closeDeferred).toBe(true);
    exporter.last.used = false;
    await server.ended;
    expect(exporter.last.gone).toBe('detached');
  });

  it('later can be taken back', async () => {
    await resume(8);
    const server = await serve('auto');
    exporter.last.used = true;
    await server.close({ deferred: true });
    await server.close({ cancelDeferred: true });
    exporter.last.used = false;
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(exporter.last.gone).toBeUndefined();
    await server.close();
  });

  it('lets what waits for a resume go before the device is taken away', async () => {
    await resume(8);
    const server = await serve('auto');
    await mapped.suspend();
    const waiting = Promise.resolve(mapped.write(0, new Uint8Array(512)));
    await server.close();
    await waiting;
    expect(exporter.last.gone).toBe('detached');
  });
});
