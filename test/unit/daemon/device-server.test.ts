import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectNbd, FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import { randomSecret } from '../../../src/crypto/index.ts';
import { BackingDevices } from '../../../src/daemon/backing-devices.ts';
import { DeviceServer } from '../../../src/daemon/device-server.ts';
import { devicePaths } from '../../../src/daemon/runtime-directory.ts';
import { MappedDevice } from '../../../src/dm/index.ts';
import { serveHere } from '../../../src/export/queue-threads.ts';
import { ffiAvailable } from '../../../src/sys/index.ts';
import type { TableSpec } from '../../../src/table/index.ts';
import { codeOf, pattern } from '../../suites/block-device.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tscrypt-server-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A server of `table` in which every device is `device`. */
async function serve(table: TableSpec, device: FaultDevice): Promise<DeviceServer> {
  const mapped = await MappedDevice.create({ name: 'd', table, openDevice: async () => device });
  return DeviceServer.start({
    request: { name: 'd', uuid: '', table },
    paths: { ...devicePaths(directory, 'd'), nbdSocket: join(directory, 'nbd.sock') },
    device: mapped,
    remove: () => mapped.close(),
    common: false,
    dependency: (label) => ({ label, name: label }),
    shortcomings: () => [],
    queues: serveHere(mapped, { nbd: noJob, ublk: noJob }),
    changed: () => {},
    log: () => {},
    workingDirectory: directory,
  });
}

async function noJob(): Promise<never> {
  throw new Error('no such job');
}

const linear: TableSpec = [{ start: 0, length: 8, type: 'linear', args: ['disk', '0'] }];

describe('closing', () => {
  it('that cannot make data stable says how to go on, and the device stays', async () => {
    const device = await FaultDevice.over(new MemoryDevice(4096));
    const server = await serve(linear, device);
    device.fail({ kind: 'flush', times: Number.POSITIVE_INFINITY });
    await expect(server.close()).rejects.toMatchObject({
      code: 'IO_ERROR',
      hint: expect.stringContaining(String(process.pid)),
    });
    expect(await codeOf(() => connectNbd(server.info.uris[0] ?? '').then((client) => client.close()))).toBe(
      undefined,
    );
    await expect(server.close({ force: true })).rejects.toMatchObject({ code: 'IO_ERROR' });
  });

  it('ends although requests wait for a resume that cannot come: its key is gone', async () => {
    const key = randomSecret(32);
    const table: TableSpec = [
      { start: 0, length: 8, type: 'crypt', args: ['aes-xts-plain64', key, '0', 'disk', '0'] },
    ];
    const server = await serve(table, await FaultDevice.over(new MemoryDevice(4096)));
    const client = await connectNbd(server.info.uris[0] ?? '');
    await server.device.suspend();
    await server.device.message(0, ['key', 'wipe']);
    const write = codeOf(() => client.write(0, pattern(512, 1)));
    const close = server.close({ force: true });
    await expect(close).rejects.toMatchObject({ code: 'NO_SUCH_OBJECT' });
    expect(await write).toMatch(/IO_ERROR|INVALID_ARGUMENT|CONNECTION_LOST/);
    await client.close();
  });
});

describe('a backing device', () => {
  it.skipIf(!ffiAvailable())(
    'stays marked until its last use ends, however often another is closed',
    async () => {
      await writeFile(join(directory, 'image'), pattern(4096, 1));
      const options = { workingDirectory: directory, shared: false };
      const backing = new BackingDevices(options);
      const first = await backing.open('image', { readOnly: false });
      const second = await backing.open('image', { readOnly: false });
      await first.close();
      await first.close();
      const other = new BackingDevices(options);
      expect(await codeOf(() => other.open('image', { readOnly: false }))).toBe('DEVICE_BUSY');
      await second.close();
      await (await other.open('image', { readOnly: false })).close();
      await (await open(join(directory, 'image'))).close();
    },
  );
});
