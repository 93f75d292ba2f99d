import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/crypto/index.ts';
import {
  activateDevice,
  clearDeviceTable,
  closeDevice,
  deviceStatus,
  deviceTable,
  findDevice,
  listDevices,
  loadDeviceTable,
  messageDevice,
  renameDevice,
  resumeDevice,
  setDeviceGeometry,
  setDeviceUuid,
  suspendDevice,
  waitForDeviceEvent,
  wipeDeviceTable,
} from '../../src/daemon/index.ts';
import { isAlive } from '../../src/sys/index.ts';
import { disposeTable, formatTable, parseTable } from '../../src/table/index.ts';
import { requires } from '../suites/requires.ts';
import { codeIs, connect, DaemonHarness, KEY, pattern, until } from './daemon-harness.ts';

const common = { uuid: '', common: true } as const;

describe.skipIf(!requires('build'))('devices that share a daemon', () => {
  const harness = new DaemonHarness();

  const create = (name: string, table?: string, more: object = {}) =>
    activateDevice({ name, ...common, ...(table !== undefined && { table: parseTable(table) }), ...more });

  it('lie upon each other, and each ends when it is told to', async () => {
    const image = harness.image();
    const lower = await create('lower', `0 4096 linear ${image} 8`);
    const middle = await create('middle', '0 2048 linear /dev/mapper/lower 8');
    const upper = await create('upper', '0 1024 linear /dev/mapper/middle 8');
    expect([middle.pid, upper.pid]).toEqual([lower.pid, lower.pid]);
    expect([lower.minor, middle.minor, upper.minor]).toEqual([0, 1, 2]);
    expect(upper.table).toBe('0 1024 linear 4095:1 8\n');
    expect(upper.dependencies).toEqual([
      { label: '4095:1', name: 'middle', numbers: { major: 4095, minor: 1 } },
    ]);
    expect(lower.dependencies).toEqual([{ label: image, name: image }]);
    const client = await connect(upper);
    await client.write(4096, pattern(8192, 7));
    await client.flush();
    expect(readFileSync(image).subarray(3 * 4096 + 4096, 3 * 4096 + 4096 + 8192)).toEqual(
      Buffer.from(pattern(8192, 7)),
    );
    expect((await listDevices()).map(({ name, openCount }) => [name, openCount])).toEqual([
      ['lower', 1],
      ['middle', 1],
      ['upper', 1],
    ]);
    await expect(closeDevice('lower')).rejects.toEqual(codeIs('DEVICE_BUSY'));
    await expect(closeDevice('lower', { force: true })).rejects.toEqual(codeIs('DEVICE_BUSY'));
    await closeDevice('lower', { deferred: true });
    await closeDevice('middle', { deferred: true });
    await client.close();
    await until(async () => (await findDevice('upper'))?.openCount === 0);
    await closeDevice('upper');
    await until(async () => (await listDevices()).length === 0);
  });

  it('use one file at different places', async () => {
    const image = harness.image();
    await create('one', `0 8 linear ${image} 0`);
    const two = await create('two');
    expect(two).toMatchObject({ size: 0, tables: { live: false, inactive: false }, targetCount: 0 });
    await loadDeviceTable('two', parseTable(`0 8 linear ${image} 8`));
    expect((await findDevice('two'))?.tables).toEqual({ live: false, inactive: true });
    expect(formatTable(await deviceTable('two', { inactive: true }))).toBe(`0 8 linear ${image} 8\n`);
    await resumeDevice('two');
    for (const [name, seed] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      const client = await connect((await findDevice(name))!);
      await client.write(0, pattern(4096, seed));
      await client.close();
    }
    const stored = readFileSync(image);
    expect(stored.subarray(0, 4096)).toEqual(Buffer.from(pattern(4096, 1)));
    expect(stored.subarray(4096, 8192)).toEqual(Buffer.from(pattern(4096, 2)));
  });

  it('have names, UUIDs and numbers that no other device has, whichever daemon it is in', async () => {
    await create('one', '0 8 zero', { uuid: 'U-1', minor: 7 });
    for (const common of [true, false]) {
      const again = (more: object) =>
        expect(create('two', '0 8 zero', { common, ...more })).rejects.toEqual(codeIs('DEVICE_EXISTS'));
      await again({ name: 'one' });
      await again({ uuid: 'U-1' });
      await again({ minor: 7 });
    }
    const own = await create('own', '0 8 zero', { common: false });
    expect(own.minor).toBe(0);
    expect(own.pid).not.toBe((await findDevice('one'))?.pid);
    await setDeviceUuid('own', 'U-2');
    await expect(create('two', '0 8 zero', { uuid: 'U-2' })).rejects.toEqual(codeIs('DEVICE_EXISTS'));
    await closeDevice('one');
    expect((await create('two', '0 8 zero', { uuid: 'U-1', minor: 7 })).minor).toBe(7);
  });

  it('reach devices of another daemon, and keep them open', async () => {
    const image = harness.image();
    const own = await activateDevice(harness.crypt('own', image, KEY));
    await create('other', '0 8 zero');
    await loadDeviceTable('other', parseTable('0 16 linear /dev/mapper/own 0'));
    await resumeDevice('other');
    const other = (await findDevice('other'))!;
    expect(other.pid).not.toBe(own.pid);
    expect(other.table).toBe(`0 16 linear 4095:${own.minor} 0\n`);
    const client = await connect(other);
    await client.write(0, pattern(4096, 3));
    await client.close();
    expect((await findDevice('own'))?.openCount).toBe(1);
    const joined = await create('joined', '0 16 linear /dev/mapper/own 0');
    expect(joined.pid).toBe(own.pid);
    const second = await connect(joined);
    const back = new Uint8Array(4096);
    await second.read(0, back);
    expect(back).toEqual(pattern(4096, 3));
    await second.close();
    for (const name of ['joined', 'other']) {
      await until(async () => (await findDevice(name))?.openCount === 0);
      await closeDevice(name);
    }
  });

  it('are renamed while clients are connected', async () => {
    const info = await create('before', `0 8 linear ${harness.image()} 0`);
    const client = await connect(info);
    await renameDevice('before', 'after');
    await client.write(0, pattern(4096, 4));
    expect(await findDevice('before')).toBeUndefined();
    const renamed = (await findDevice('after'))!;
    expect(renamed).toMatchObject({ name: 'after', openCount: 1, eventNumber: 1 });
    // Somebody else takes the old name: that is another device.
    await create('before', '0 16 zero');
    const second = await connect(renamed);
    const back = new Uint8Array(4096);
    await second.read(0, back);
    expect(back).toEqual(pattern(4096, 4));
    await expect(renameDevice('after', 'before')).rejects.toEqual(codeIs('DEVICE_EXISTS'));
    await expect(renameDevice('after', 'a/b')).rejects.toEqual(codeIs('INVALID_ARGUMENT'));
    await client.close();
    await second.close();
    await until(async () => (await findDevice('after'))?.openCount === 0);
    await closeDevice('after');
    expect((await findDevice('before'))?.size).toBe(16 * 512);
    const old = await connect((await findDevice('before'))!);
    expect(old.size).toBe(16 * 512);
    await old.close();
  });

  it('change their size for clients that come later', async () => {
    const image = harness.image();
    const info = await create('m', `0 8 linear ${image} 0`);
    const early = await connect(info);
    await loadDeviceTable('m', parseTable(`0 64 linear ${image} 0`));
    expect((await findDevice('m'))?.size).toBe(4096);
    await resumeDevice('m', { flush: false });
    const late = await connect(info);
    expect([early.size, late.size]).toEqual([4096, 32768]);
    await late.write(28672, pattern(4096, 5));
    await loadDeviceTable('m', parseTable(`0 8 linear ${image} 0`));
    await resumeDevice('m');
    await expect(late.read(28672, new Uint8Array(512))).rejects.toMatchObject({ errno: 'EINVAL' });
    await early.read(0, new Uint8Array(4096));
    await early.close();
    await late.close();
  });

  it('hold requests while suspended, and drop a table that was not wanted', async () => {
    const image = harness.image();
    const info = await create('m', `0 8 linear ${image} 0`);
    const client = await connect(info);
    await suspendDevice('m', { flush: false });
    let done = false;
    const write = Promise.resolve(client.write(0, pattern(4096, 6))).then(() => {
      done = true;
    });
    await loadDeviceTable('m', parseTable('0 8 error'));
    await clearDeviceTable('m');
    expect(await findDevice('m')).toMatchObject({ suspended: true, tables: { live: true, inactive: false } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(done).toBe(false);
    await loadDeviceTable('m', parseTable(`0 8 linear ${image} 8`));
    await resumeDevice('m');
    await write;
    expect(readFileSync(image).subarray(4096, 8192)).toEqual(Buffer.from(pattern(4096, 6)));
    await wipeDeviceTable('m', { flush: false });
    expect(await deviceStatus('m')).toEqual([{ start: 0, length: 8, type: 'error', info: '' }]);
    await expect(client.read(0, new Uint8Array(512))).rejects.toMatchObject({ errno: 'EIO' });
    await client.close();
  });

  it('leave no process behind when the last goes while another cannot be made', async () => {
    const slow = `0 8 linear nbd://127.0.0.1:9/nobody 0`;
    for (let round = 0; round < 5; round++) {
      const { pid } = await create('last', '0 8 zero');
      const results = await Promise.allSettled([closeDevice('last'), create('never', slow)]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      await until(() => !isAlive({ pid, startTime: '0' }));
      expect(readdirSync(harness.runtime)).toEqual([]);
    }
  });

  it('can be closed without a table, suspended or not, by several at once', async () => {
    for (const suspended of [false, true]) {
      await create('empty');
      if (suspended) await suspendDevice('empty');
      const results = await Promise.allSettled([1, 2, 3].map(() => closeDevice('empty')));
      expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toEqual(codeIs('NO_SUCH_DEVICE'));
      }
      expect(await findDevice('empty')).toBeUndefined();
    }
  });

  it('can be closed while one below is suspended, flushed or not', async () => {
    const image = harness.image();
    await create('lower', `0 16 linear ${image} 0`);
    for (const flush of [true, false]) {
      const client = await connect(await create('upper', '0 16 linear /dev/mapper/lower 0'));
      await client.write(0, pattern(4096, 9));
      await client.close();
      await until(async () => (await findDevice('upper'))?.openCount === 0);
      await suspendDevice('lower', { flush });
      await closeDevice('upper');
      await resumeDevice('lower');
      expect(await findDevice('upper')).toBeUndefined();
    }
    await closeDevice('lower');
    expect(readFileSync(image).subarray(0, 4096)).toEqual(Buffer.from(pattern(4096, 9)));
  });

  it('end although a target holds requests for as long as it has no path', { timeout: 30_000 }, async () => {
    const info = await create('held', '0 8 multipath 3 queue_if_no_path queue_mode bio 0 0 0');
    const client = await connect(info);
    const write = expect(client.write(0, pattern(4096, 1))).rejects.toThrow();
    await closeDevice('held', { force: true });
    await write;
  });

  it('tell of events, and of their end', async () => {
    await create('m', '0 8 zero');
    const event = waitForDeviceEvent('m');
    await setDeviceUuid('m', 'U-9');
    expect((await event).eventNumber).toBe(1);
    expect((await waitForDeviceEvent('m', 0)).uuid).toBe('U-9');
    const never = expect(waitForDeviceEvent('m')).rejects.toEqual(codeIs('NO_SUCH_DEVICE'));
    // The waiter must have arrived before the device goes.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await closeDevice('m');
    await never;
  });

  it('show keys to those who ask for them, and to nobody else', async () => {
    const image = harness.image();
    const hex = 'a1'.repeat(64);
    const table = parseTable(`0 8 crypt aes-xts-plain64 ${hex} 0 ${image} 0`);
    await activateDevice({ name: 'm', ...common, table });
    disposeTable(table);
    expect((await findDevice('m'))?.table).toBe(
      `0 8 crypt aes-xts-plain64 ${'0'.repeat(128)} 0 ${image} 0\n`,
    );
    expect(formatTable(await deviceTable('m'))).not.toContain('a1a1');
    const shown = await deviceTable('m', { showKeys: true });
    expect(shown[0]?.args[1]).toBeInstanceOf(Secret);
    expect(formatTable(shown, { showKeys: true })).toBe(`0 8 crypt aes-xts-plain64 ${hex} 0 ${image} 0\n`);
    disposeTable(shown);
    await suspendDevice('m');
    const key = Secret.copy(Buffer.alloc(64, 0xb2));
    expect(await messageDevice('m', 0, ['key', 'set', key])).toBe('');
    key.dispose();
    await resumeDevice('m');
    const changed = await deviceTable('m', { showKeys: true });
    expect(formatTable(changed, { showKeys: true })).toContain('b2b2b2');
    disposeTable(changed);
    await setDeviceGeometry('m', { cylinders: 1, heads: 2, sectors: 3, start: 0 });
    expect((await findDevice('m'))?.geometry).toEqual({ cylinders: 1, heads: 2, sectors: 3, start: 0 });
  });

  it('are not changed by a table that is wrong', async () => {
    const image = harness.image();
    await create('m', `0 8 linear ${image} 0`);
    for (const [table, code] of [
      ['0 8 nonsense', 'NOT_SUPPORTED'],
      ['0 8 linear /dev/mapper/m 0', 'INVALID_ARGUMENT'],
      ['0 8 linear 4095:99 0', 'NO_SUCH_DEVICE'],
      ['0 8 linear /nowhere 0', 'NO_SUCH_DEVICE'],
      ['0 8 linear', 'INVALID_ARGUMENT'],
      [`8 8 linear ${image} 0`, 'INVALID_ARGUMENT'],
    ] as const) {
      await expect(loadDeviceTable('m', parseTable(table))).rejects.toEqual(codeIs(code));
    }
    expect(await findDevice('m')).toMatchObject({
      tables: { live: true, inactive: false },
      suspended: false,
    });
  });
});
