import { readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { activateDevice, closeDevice, findDevice, listDevices } from '../../src/daemon/index.ts';
import { isAlive } from '../../src/sys/index.ts';
import { requires } from '../suites/requires.ts';
import { codeIs, KEY, until } from './daemon-harness.ts';
import { SupervisedHarness } from './supervised/harness.ts';

vi.mock('../../src/package-layout.ts', async (original) => ({
  ...(await original<object>()),
  daemonProgram: () => `${process.env.TEST_PROGRAMS}/tscryptd.js`,
  supervisorProgram: () => `${process.env.TEST_PROGRAMS}/tscrypt-supervisor.js`,
}));
vi.mock('../../src/export/kernel-exporters.ts', async () => ({
  kernelExporters: [(await import('./supervised/socket-exporter.ts')).socketExporter],
}));

describe.skipIf(!requires('build'))('a supervisor that dies', () => {
  const harness = new SupervisedHarness();
  const names = ['one', 'two', 'three'];

  const activate = (name: string) =>
    activateDevice(harness.crypt(name, harness.image(), KEY, { export: 'ublk' }));

  const end = async (pid: number): Promise<void> => {
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive({ pid, startTime: '0' }));
  };

  it('is one for all daemons, and has one successor', async () => {
    const infos = await Promise.all(names.map(activate));
    const first = harness.supervisor!;
    expect(harness.guarded.sort()).toEqual(infos.map(({ pid }) => pid).sort());
    await end(first);
    await until(() => ![undefined, first].includes(harness.supervisor) && harness.guarded.length === 3);
    for (const info of infos) {
      const node = harness.node(info);
      process.kill(info.pid, 'SIGKILL');
      expect((await harness.succeeded(info.name, info.pid)).table).toBe(info.table);
      expect((await node.read(0, 4096)).length).toBe(4096);
    }
    await Promise.all(names.map((name) => closeDevice(name)));
    await until(() => readdirSync(harness.runtime).length === 0);
  });

  it('and a daemon that dies with it leave a device that can be removed, and nothing that hangs then', async () => {
    const info = await activate('both');
    const node = harness.node(info);
    await Promise.all([end(harness.supervisor!), end(info.pid)]);
    const waiting = node.read(0, 512).catch((error: Error) => error.message);
    expect(await findDevice('both')).toBeUndefined();
    await expect(activate('both')).rejects.toEqual(codeIs('DEVICE_EXISTS'));
    await closeDevice('both');
    expect(await waiting).toContain('gone');
    await listDevices();
    expect(readdirSync(harness.runtime)).toEqual([]);
    await activate('both');
  });

  it('while a daemon is made, or replaced, or closed, does no harm', async () => {
    for (let round = 0; round < 6; round++) {
      const name = `round-${round}`;
      const making = activate(name);
      await until(() => harness.supervisor !== undefined);
      process.kill(harness.supervisor!, 'SIGKILL');
      const info = await making;
      expect((await harness.node(info).read(0, 512)).length).toBe(512);
      await until(() => harness.guarded.includes(info.pid));
      const closing = closeDevice(name);
      const supervisor = harness.supervisor;
      if (supervisor !== undefined) process.kill(supervisor, 'SIGKILL');
      await closing;
      expect(await findDevice(name)).toBeUndefined();
    }
    await listDevices();
  });
});
