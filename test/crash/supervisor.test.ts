import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import {
  activateDevice,
  closeDevice,
  deviceTable,
  findDevice,
  listDevices,
  loadDeviceTable,
  renameDevice,
  resumeDevice,
  setDeviceGeometry,
  setDeviceUuid,
  suspendDevice,
} from '../../src/daemon/index.ts';
import { formatTable, parseTable } from '../../src/table/index.ts';
import { requires } from '../suites/requires.ts';
import { codeIs, IMAGE_SIZE, KEY, pattern, until } from './daemon-harness.ts';
import { SupervisedHarness } from './supervised/harness.ts';

vi.mock('../../src/package-layout.ts', async (original) => ({
  ...(await original<object>()),
  daemonProgram: () => `${process.env.TEST_PROGRAMS}/tscryptd.js`,
  supervisorProgram: () => `${process.env.TEST_PROGRAMS}/tscrypt-supervisor.js`,
}));
vi.mock('../../src/export/kernel-exporters.ts', async () => ({
  kernelExporters: [(await import('./supervised/socket-exporter.ts')).socketExporter],
}));

const SECTORS = IMAGE_SIZE / 512;
const common = { uuid: '', common: true } as const;

describe.skipIf(!requires('build'))('a daemon that dies', () => {
  const harness = new SupervisedHarness();

  it('has a successor, which answers what it has not', async () => {
    const image = harness.image();
    const info = await activateDevice(harness.crypt('volume', image, KEY, { export: 'ublk' }));
    const node = harness.node(info);
    await node.write(8192, pattern(65536, 1));
    expect(harness.supervisor).toBeDefined();
    process.kill(info.pid, 'SIGKILL');
    await node.write(131072, pattern(4096, 2));
    const next = await harness.succeeded('volume', info.pid);
    const changed = { pid: next.pid, openCount: expect.any(Number), export: expect.anything() };
    expect(next).toMatchObject({ ...info, ...changed });
    expect(Buffer.compare(await node.read(8192, 65536), pattern(65536, 1))).toBe(0);
    expect(Buffer.compare(await node.read(131072, 4096), pattern(4096, 2))).toBe(0);
    expect(node.recoveries).toBe(1);
    await closeDevice('volume');
    expect(node.removed).toBe(true);
    expect(await findDevice('volume')).toBeUndefined();
    await until(() => readdirSync(harness.runtime).length === 0);
  });

  it('keeps the supervisor it has found, however long ago that was started', async () => {
    await activateDevice(harness.crypt('volume', harness.image(), KEY, { export: 'ublk' }));
    const { supervisor } = harness;
    expect(supervisor).toBeDefined();
    // Longer than one stays that nobody needs.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(harness.supervisor).toEqual(supervisor);
    await closeDevice('volume');
    await until(() => readdirSync(harness.runtime).length === 0);
  });

  it('is not supervised while the kernel shows none of its devices', async () => {
    await activateDevice(harness.linear('plain', harness.image()));
    expect(harness.supervisor).toBeUndefined();
  });

  it('leaves all that there is to know of its devices', async () => {
    const image = harness.image();
    const lower = await activateDevice({ ...common, name: 'lower', export: 'ublk' });
    await loadDeviceTable('lower', parseTable(`0 ${SECTORS} linear ${image} 0`));
    await resumeDevice('lower');
    await activateDevice({ ...common, name: 'upper', uuid: 'U', minor: 77 });
    await loadDeviceTable('upper', harness.crypt('', '/dev/mapper/lower', KEY).table!);
    await resumeDevice('upper');
    // Below what was made before it, in the end.
    await activateDevice({ ...common, name: 'late', table: parseTable(`0 8 linear ${harness.image()} 0`) });
    await loadDeviceTable('lower', parseTable('0 8 linear /dev/mapper/late 0'), { readOnly: true });
    await setDeviceGeometry('upper', { cylinders: 1, heads: 2, sectors: 3, start: 4 });
    await renameDevice('late', 'later');
    await setDeviceUuid('later', 'L');
    await suspendDevice('upper');
    const facts = async (): Promise<unknown[]> =>
      (await listDevices()).map(({ pid, uris, socket, openCount, export: _, ...rest }) => rest);
    const tables = async (): Promise<string[]> => {
      const read = await Promise.all(
        ['lower', 'upper', 'later'].flatMap((name) => [
          deviceTable(name),
          deviceTable(name, { inactive: true }),
        ]),
      );
      return read.map((table) => formatTable(table));
    };
    const before = [await facts(), await tables()];
    process.kill(lower.pid, 'SIGKILL');
    await harness.succeeded('upper', lower.pid);
    expect([await facts(), await tables()]).toEqual(before);
    const infos = await listDevices();
    expect(new Set(infos.map(({ pid }) => pid)).size).toBe(1);
    await resumeDevice('upper');
    await closeDevice('upper');
    await resumeDevice('lower');
    expect((await findDevice('lower'))?.size).toBe(4096);
    await closeDevice('lower');
  });

  it('goes on while one of its devices cannot', async () => {
    const image = harness.image();
    const lost = harness.image();
    const kept = await activateDevice({
      ...common,
      ...harness.linear('kept', image),
      export: 'ublk',
      common: true,
    });
    const gone = await activateDevice({
      ...harness.linear('gone', lost),
      common: true,
      export: 'ublk',
    });
    await activateDevice({ ...common, name: 'above', table: parseTable('0 8 linear /dev/mapper/gone 0') });
    expect(gone.pid).toBe(kept.pid);
    rmSync(lost);
    process.kill(kept.pid, 'SIGKILL');
    await expect(harness.node(gone).read(0, 512)).rejects.toThrow('gone');
    const next = await harness.succeeded('kept', kept.pid);
    expect(await harness.node(kept).read(0, 512)).toEqual(Buffer.alloc(512));
    expect((await listDevices()).map(({ name }) => name)).toEqual(['kept']);
    expect(harness.logs).toContain('NO_SUCH_DEVICE');
    // Names and numbers of what could not be kept are free.
    const again = await activateDevice({ ...harness.linear('gone', harness.image()), common: true });
    expect(again.pid).toBe(next.pid);
  });

  it('attaches anew what the kernel does not give back', async () => {
    const info = await activateDevice(harness.linear('refused', harness.image(), { export: 'ublk' }));
    harness.node(info).remove();
    await until(async () => (await findDevice('refused'))?.export.kind === 'socket');
    process.kill(info.pid, 'SIGKILL');
    const next = await harness.succeeded('refused', info.pid);
    expect(next.export).toMatchObject({ kind: 'ublk' });
    expect(next.export.node).not.toBe(info.export.node);
  });

  it('keeps its names and numbers while there is no successor', async () => {
    const other = await activateDevice({ ...common, name: 'other' });
    const info = await activateDevice(harness.linear('mine', harness.image(), { export: 'ublk', minor: 5 }));
    const node = harness.node(info);
    const program = join(process.env.TEST_PROGRAMS!, 'tscryptd.js');
    renameSync(program, `${program}.away`);
    process.kill(info.pid, 'SIGKILL');
    const waiting = node.read(0, 512);
    await until(() => harness.logs.includes('tscryptd.js'));
    const steal = (more: object) =>
      expect(activateDevice({ ...common, name: 'thief', ...more })).rejects.toEqual(codeIs('DEVICE_EXISTS'));
    await steal({ name: 'mine' });
    await steal({ minor: 5 });
    await steal({ uuid: info.uuid });
    await expect(renameDevice('other', 'mine')).rejects.toEqual(codeIs('DEVICE_EXISTS'));
    const asked = findDevice('mine');
    renameSync(`${program}.away`, program);
    expect(await waiting).toEqual(Buffer.alloc(512));
    expect((await asked)?.minor).toBe(5);
    expect((await findDevice('other'))?.pid).toBe(other.pid);
  });

  it('is given up when its successors die again and again', async () => {
    const info = await activateDevice(harness.linear('doomed', harness.image(), { export: 'ublk' }));
    const node = harness.node(info);
    const killed = new Set<number>();
    harness.kernel.onQuestion = (op) => {
      if (op !== 'recover') return;
      for (const pid of harness.guarded) {
        if (killed.has(pid)) continue;
        killed.add(pid);
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // The one that died before.
        }
      }
    };
    try {
      process.kill(info.pid, 'SIGKILL');
      await expect(node.read(0, 512)).rejects.toThrow('gone');
      expect(killed.size).toBeGreaterThan(3);
    } finally {
      harness.kernel.onQuestion = () => {};
    }
    await until(async () => (await findDevice('doomed')) === undefined);
    await until(() => harness.supervisor === undefined);
    await activateDevice(harness.linear('doomed', harness.image()));
  });
});
