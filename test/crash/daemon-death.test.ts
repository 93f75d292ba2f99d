import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { FaultDevice, formatNbdUri, MemoryDevice } from '../../src/block/index.ts';
import { deviceDirectories } from '../../src/daemon/claim.ts';
import { type ActivationRequest, activateDevice, findDevice, listDevices } from '../../src/daemon/index.ts';
import { NbdServer } from '../../src/export/nbd/index.ts';
import { isAlive } from '../../src/sys/index.ts';
import { requires } from '../suites/requires.ts';
import { codeIs, connect, DaemonHarness, IMAGE_SIZE, KEY, pattern, until } from './daemon-harness.ts';

describe.skipIf(!requires('build'))('death of a daemon', () => {
  const harness = new DaemonHarness();
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });

  /** A device whose opening never ends: somebody listens, and says nothing. */
  async function stuck(name: string): Promise<ActivationRequest> {
    const socket = join(harness.directory, `${name}.sock`);
    const server = createServer((connection) => connection.on('error', () => {})).listen(socket);
    servers.push(server);
    await once(server, 'listening');
    return harness.linear(name, formatNbdUri({ tls: false, address: { socket }, exportName: '' }));
  }

  /** The process that owns the name, once there is one. */
  async function owner(name: string): Promise<number> {
    let pid: number | undefined;
    await until(() => {
      const directory = join(harness.runtime, name);
      const file = existsSync(directory)
        ? readdirSync(directory).find((entry) => entry.startsWith('owner.'))
        : undefined;
      pid = file === undefined ? undefined : Number(file.split('.')[1]);
      return pid !== undefined;
    });
    return pid!;
  }

  it('by SIGKILL loses nothing that was flushed, and the name is free again', async () => {
    const image = harness.image();
    const info = await activateDevice(harness.crypt('victim', image, KEY));
    const client = await connect(info);
    await client.write(8192, pattern(65536, 1));
    await client.flush();
    process.kill(info.pid, 'SIGKILL');
    await until(() => !isAlive({ pid: info.pid, startTime: '0' }));
    await client.close().catch(() => {});
    expect(existsSync(join(harness.runtime, 'victim'))).toBe(true);
    expect(await findDevice('victim')).toBeUndefined();
    expect(existsSync(join(harness.runtime, 'victim'))).toBe(false);

    const again = await connect(await activateDevice(harness.crypt('victim', image, KEY)));
    const read = new Uint8Array(65536);
    await again.read(8192, read);
    expect(Buffer.compare(read, pattern(65536, 1))).toBe(0);
    await again.close();
  });

  it('leaves a directory that listing clears away', async () => {
    const info = await activateDevice(harness.linear('listed', harness.image()));
    process.kill(info.pid, 'SIGKILL');
    // It takes a moment to die: until then it is not listed, and its directory is not anybody's to clear away.
    await until(async () => (await listDevices()).length === 0 && readdirSync(harness.runtime).length === 0);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s ends requests under way and flushes first',
    async (signal) => {
      const below = await FaultDevice.over(new MemoryDevice(IMAGE_SIZE));
      const socket = join(harness.directory, `below-${signal}.sock`);
      const server = new NbdServer({ exports: [{ name: 'below', device: below }] });
      await server.listenUnix(socket);
      const uri = formatNbdUri({ tls: false, address: { socket }, exportName: 'below' });
      const info = await activateDevice(harness.linear('orderly', uri));
      const client = await connect(info);
      const done = new Set<number>();
      const writes = Array.from({ length: 64 }, async (_, i) => {
        await client.write(i * 65536, pattern(65536, i));
        done.add(i);
      });
      await Promise.race(writes);
      process.kill(info.pid, signal);
      await Promise.allSettled(writes);
      await until(() => !existsSync(join(harness.runtime, 'orderly')));
      await client.close().catch(() => {});

      expect(done.size).toBeGreaterThan(0);
      for (const i of done) {
        const read = new Uint8Array(65536);
        await below.read(i * 65536, read);
        expect([i, Buffer.compare(read, pattern(65536, i))]).toEqual([i, 0]);
      }
      const kinds = below.log.map((entry) => entry.kind);
      expect(kinds.lastIndexOf('flush')).toBeGreaterThan(kinds.lastIndexOf('write'));
      await server.close();
    },
  );

  it('SIGHUP does not end it', async () => {
    const info = await activateDevice(harness.linear('steady', harness.image()));
    process.kill(info.pid, 'SIGHUP');
    expect((await findDevice('steady'))?.pid).toBe(info.pid);
  });

  it('before it is ready is an error of the one who started it', async () => {
    const activation = activateDevice(await stuck('early'));
    const outcome = expect(activation).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('SIGKILL'),
    });
    process.kill(await owner('early'), 'SIGKILL');
    await outcome;
    expect(await findDevice('early')).toBeUndefined();
  });

  it('follows when the one who started it gives up', async () => {
    const controller = new AbortController();
    const activation = activateDevice(await stuck('aborted'), { signal: controller.signal });
    const outcome = expect(activation).rejects.toEqual(codeIs('ABORTED'));
    const pid = await owner('aborted');
    controller.abort();
    await outcome;
    expect(isAlive({ pid, startTime: '0' })).toBe(false);
    expect(readdirSync(harness.runtime)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)(
    'follows when the one who started it dies of %s',
    async (signal) => {
      const request = await stuck(`orphan-${signal}`);
      const module = pathToFileURL(join(import.meta.dirname, '../../dist/daemon/index.js')).href;
      const program = `const { activateDevice } = await import(${JSON.stringify(module)});
      await activateDevice(${JSON.stringify(request)});`;
      const launcher = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' });
      const ended = once(launcher, 'exit');
      const pid = await owner(request.name);
      launcher.kill(signal);
      await ended;
      await until(() => !isAlive({ pid, startTime: '0' }));
      expect(await listDevices()).toEqual([]);
      expect(readdirSync(harness.runtime)).toEqual([]);
    },
  );

  it('by a start that is refused leaves no process and no file', async () => {
    const image = harness.image();
    await activateDevice(harness.linear('taken', image));
    await expect(activateDevice(harness.linear('taken', harness.image()))).rejects.toEqual(
      codeIs('DEVICE_EXISTS'),
    );
    expect(deviceDirectories(harness.runtime)).toEqual(['taken']);
    expect(readFileSync(join(harness.runtime, 'taken', 'log'), 'utf8')).toBe('');
  });
});
