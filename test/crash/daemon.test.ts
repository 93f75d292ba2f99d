import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSectorCipher } from '../../src/crypto/index.ts';
import {
  activateDevice,
  closeDevice,
  findDevice,
  flushDevice,
  listDevices,
  messageDevice,
  resumeDevice,
  suspendDevice,
} from '../../src/daemon/index.ts';
import { ffiAvailable, isAlive } from '../../src/sys/index.ts';
import { requires } from '../suites/requires.ts';
import { codeIs, connect, DaemonHarness, IMAGE_SIZE, KEY, pattern, until } from './daemon-harness.ts';

describe.skipIf(!requires('build'))('daemon', () => {
  const harness = new DaemonHarness();

  it('serves a linear device, describes it, and leaves nothing behind when closed', async () => {
    const image = harness.image();
    const info = await activateDevice(
      harness.linear('plain', image, { description: { type: 'TEST', answer: 42 } }),
    );
    expect(info).toMatchObject({
      name: 'plain',
      uuid: 'TEST-plain',
      size: IMAGE_SIZE,
      readOnly: false,
      suspended: false,
      openCount: 0,
      closeDeferred: false,
      table: `0 ${IMAGE_SIZE / 512} linear ${image} 0\n`,
      socket: join(harness.runtime, 'plain', 'nbd.sock'),
      description: { type: 'TEST', answer: 42 },
    });
    const device = await connect(info);
    expect(device.size).toBe(IMAGE_SIZE);
    await device.write(4096, pattern(128 * 1024, 1));
    await device.flush();
    expect((await findDevice('plain'))?.openCount).toBe(1);
    expect((await listDevices()).map(({ name }) => name)).toEqual(['plain']);
    await device.close();
    await until(async () => (await findDevice('plain'))?.openCount === 0);
    await closeDevice('plain');
    expect(isAlive({ pid: info.pid, startTime: '0' })).toBe(false);
    expect(readdirSync(harness.runtime)).toEqual([]);
    expect(
      readFileSync(image)
        .subarray(4096, 4096 + 128 * 1024)
        .equals(pattern(128 * 1024, 1)),
    ).toBe(true);
    expect(await findDevice('plain')).toBeUndefined();
  });

  it('encrypts, and finds the data again after reopening', async () => {
    const image = harness.image();
    const data = pattern(64 * 1024, 2);
    const first = await connect(await activateDevice(harness.crypt('secret', image, KEY)));
    await first.write(0, data);
    await first.close();
    await closeDevice('secret', { force: true });
    const stored = Uint8Array.from(readFileSync(image).subarray(0, data.length));
    expect(Buffer.compare(stored, data)).not.toBe(0);
    createSectorCipher({ spec: 'aes-xts-plain64', key: KEY.bytes, sectorSize: 512 }).decrypt(stored, 0);
    expect(Buffer.compare(stored, data)).toBe(0);
    const second = await connect(
      await activateDevice(harness.crypt('secret', image, KEY, { readOnly: true })),
    );
    const read = new Uint8Array(data.length);
    await second.read(0, read);
    expect(Buffer.compare(read, data)).toBe(0);
    expect(second.readOnly).toBe(true);
    await second.close();
  });

  it('keeps directory, sockets and files to its owner', async () => {
    await activateDevice(harness.linear('modes', harness.image()));
    const mode = (...path: string[]) => statSync(join(harness.runtime, ...path)).mode & 0o777;
    expect(mode()).toBe(0o700);
    expect(mode('modes')).toBe(0o700);
    for (const file of readdirSync(join(harness.runtime, 'modes')))
      expect([file, mode('modes', file)]).toEqual([file, 0o600]);
    expect(readdirSync(join(harness.runtime, 'modes')).sort()).toEqual([
      'control.sock',
      'log',
      'nbd.sock',
      expect.stringMatching(/^owner\./),
      'secrets.sock',
      'state.json',
    ]);
  });

  it('says why a device cannot be made, and leaves nothing of it', async () => {
    const image = harness.image();
    const request = harness.linear('wrong', image);
    const line = request.table![0]!;
    const fails = (more: object, code: string) =>
      expect(activateDevice({ ...request, ...more })).rejects.toEqual(codeIs(code));
    await fails({ table: [{ ...line, type: 'nonsense' }] }, 'NOT_SUPPORTED');
    await fails({ table: [{ ...line, args: ['/nowhere', '0'] }] }, 'NO_SUCH_DEVICE');
    await fails({ table: [{ ...line, args: [image] }] }, 'INVALID_ARGUMENT');
    await fails({ table: [{ ...line, length: line.length + 8 }] }, 'DEVICE_TOO_SMALL');
    await fails(
      { listen: { host: '127.0.0.1', port: 0, tls: { certificate: '/no', key: '/no' } } },
      'NO_SUCH_DEVICE',
    );
    await fails({ listen: { host: '0.0.0.0', port: 0 } }, 'INVALID_ARGUMENT');
    for (const name of ['', '.', '..', 'a/b', 'x'.repeat(128)]) await fails({ name }, 'INVALID_ARGUMENT');
    await fails({ name: 'x'.repeat(127) }, 'INVALID_ARGUMENT');
    expect(readdirSync(harness.runtime)).toEqual([]);
  });

  it('takes names of all kinds', async () => {
    // The longest whose sockets can be reached.
    const longest = 'n'.repeat(107 - harness.runtime.length - '/'.length - '/control.sock'.length);
    const names = [longest, 'luks-1b2c', '.hidden', 'mit Leerzeichen', 'ümläut', '%41?&#'];
    for (const name of names) {
      const info = await activateDevice(harness.linear(name, harness.image()));
      const device = await connect(info);
      await device.close();
      expect((await findDevice(name))?.uuid).toBe(`TEST-${name}`);
    }
    expect((await listDevices()).map(({ name }) => name).sort()).toEqual([...names].sort());
  });

  it('serves on a loopback port as well', async () => {
    const info = await activateDevice(
      harness.linear('tcp', harness.image(), { listen: { host: '127.0.0.1', port: 0 } }),
    );
    expect(info.uris[1]).toMatch(/^nbd:\/\/127\.0\.0\.1:\d+\/tcp$/);
    const device = await connect({ ...info, uris: [info.uris[1]!] });
    expect(device.size).toBe(IMAGE_SIZE);
    await device.close();
  });

  it('resolves relative paths where it was started', async () => {
    const image = harness.image();
    const before = process.cwd();
    process.chdir(harness.directory);
    try {
      await activateDevice(harness.linear('relative', image.slice(harness.directory.length + 1)));
    } finally {
      process.chdir(before);
    }
    expect(await findDevice('relative')).toBeDefined();
  });

  it('is busy while clients are connected; deferred and forced closing', async () => {
    const info = await activateDevice(harness.linear('busy', harness.image()));
    const client = await connect(info);
    await client.write(0, pattern(512, 3));
    await expect(closeDevice('busy')).rejects.toEqual(codeIs('DEVICE_BUSY'));
    expect((await findDevice('busy'))?.closeDeferred).toBe(false);
    await closeDevice('busy', { deferred: true });
    expect((await findDevice('busy'))?.closeDeferred).toBe(true);
    await closeDevice('busy', { cancelDeferred: true });
    expect((await findDevice('busy'))?.closeDeferred).toBe(false);
    await closeDevice('busy', { deferred: true });
    await client.write(512, pattern(512, 4));
    await client.close();
    await until(() => !isAlive({ pid: info.pid, startTime: '0' }));
    expect(readdirSync(harness.runtime)).toEqual([]);

    const image = harness.image();
    const again = await connect(await activateDevice(harness.linear('busy', image)));
    await again.write(0, pattern(512, 5));
    await closeDevice('busy', { force: true });
    expect(Uint8Array.from(readFileSync(image).subarray(0, 512))).toEqual(pattern(512, 5));
    await again.close().catch(() => {});
  });

  it('reports devices that are not there', async () => {
    for (const action of [closeDevice, flushDevice, suspendDevice, resumeDevice]) {
      await expect(action('absent')).rejects.toEqual(codeIs('NO_SUCH_DEVICE'));
    }
    expect(await findDevice('absent')).toBeUndefined();
  });

  it('suspends, resumes, flushes; closes while suspended', async () => {
    const image = harness.image();
    const info = await activateDevice(harness.linear('sleepy', image));
    const client = await connect(info);
    await suspendDevice('sleepy');
    expect((await findDevice('sleepy'))?.suspended).toBe(true);
    let written = false;
    const write = Promise.resolve(client.write(0, pattern(512, 6))).then(() => {
      written = true;
    });
    await findDevice('sleepy');
    expect(written).toBe(false);
    await resumeDevice('sleepy');
    await write;
    await flushDevice('sleepy');
    await expect(messageDevice('sleepy', 0, ['hello'])).rejects.toEqual(codeIs('INVALID_ARGUMENT'));
    await suspendDevice('sleepy', { flush: false });
    const held = Promise.resolve(client.write(512, pattern(512, 7)));
    const settled = held.then(
      () => true,
      () => false,
    );
    await closeDevice('sleepy', { force: true });
    const ok = await settled;
    // Answered as done means stored, also at the very end.
    if (ok) expect(Uint8Array.from(readFileSync(image).subarray(512, 1024))).toEqual(pattern(512, 7));
    await client.close().catch(() => {});
  });

  it.skipIf(!ffiAvailable())(
    'keeps a device from being mapped twice for writing (needs foreign functions)',
    async () => {
      const image = harness.image();
      await activateDevice(harness.linear('writer', image));
      await expect(activateDevice(harness.linear('second', image))).rejects.toEqual(codeIs('DEVICE_BUSY'));
      await expect(activateDevice(harness.linear('reader', image, { readOnly: true }))).rejects.toEqual(
        codeIs('DEVICE_BUSY'),
      );
      await closeDevice('writer');
      await activateDevice(harness.linear('reader', image, { readOnly: true }));
      await activateDevice(harness.linear('reader2', image, { readOnly: true }));
      await expect(activateDevice(harness.linear('writer', image))).rejects.toEqual(codeIs('DEVICE_BUSY'));
      await closeDevice('reader');
      await closeDevice('reader2');
      await activateDevice(harness.linear('half', image, { shared: true }));
      await activateDevice(harness.linear('half2', image, { shared: true }));
      expect((await listDevices()).map(({ name }) => name)).toEqual(['half', 'half2']);
    },
  );

  it('works without foreign functions, and says what is missing then', async () => {
    process.env.TSCRYPT_NO_FFI = '1';
    try {
      const info = await activateDevice(harness.crypt('bare', harness.image(), KEY));
      expect(info.shortcomings.length).toBeGreaterThan(0);
      const client = await connect(info);
      await client.write(0, pattern(4096, 8));
      await client.close();
      await closeDevice('bare', { force: true });
    } finally {
      delete process.env.TSCRYPT_NO_FFI;
    }
    const info = await activateDevice(harness.linear('full', harness.image()));
    if (ffiAvailable()) expect(info.shortcomings).toEqual([]);
  });

  it('does not touch what is not a device', async () => {
    await activateDevice(harness.linear('a', harness.image()));
    mkdirSync(join(harness.runtime, 'empty'));
    mkdirSync(join(harness.runtime, 'full'));
    writeFileSync(join(harness.runtime, 'full', 'x'), '');
    writeFileSync(join(harness.runtime, 'file'), '');
    expect((await listDevices()).map(({ name }) => name)).toEqual(['a']);
    await expect(activateDevice(harness.linear('full', harness.image()))).rejects.toEqual(
      codeIs('DEVICE_EXISTS'),
    );
    await closeDevice('a');
    expect(readdirSync(harness.runtime).sort()).toEqual(['empty', 'file', 'full']);
  });
});
