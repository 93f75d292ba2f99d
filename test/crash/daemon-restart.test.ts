import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { daemonsInfo, restartDaemons } from '../../src/daemon/daemons.ts';
import { activateDevice, closeDevice, findDevice, listDevices } from '../../src/daemon/index.ts';
import { isAlive } from '../../src/sys/index.ts';
import { requires } from '../suites/requires.ts';
import { codeIs, connect, KEY, pattern, until } from './daemon-harness.ts';
import { Load, SupervisedHarness } from './supervised/harness.ts';

vi.mock('../../src/package-layout.ts', async (original) => ({
  ...(await original<object>()),
  daemonProgram: () => `${process.env.TEST_PROGRAMS}/tscryptd.js`,
  supervisorProgram: () => `${process.env.TEST_PROGRAMS}/tscrypt-supervisor.js`,
}));

describe.skipIf(!requires('build'))('a daemon that makes way', () => {
  const harness = new SupervisedHarness();

  it('hands devices in use over, again and again', async () => {
    const request = harness.crypt('busy', harness.image(), KEY, { export: 'ublk' });
    let info = await activateDevice(request);
    const node = harness.node(info);
    node.used = true;
    const load = new Load(node);
    for (let round = 0; round < 5; round++) {
      const before = load.acknowledgements;
      const looking = findDevice('busy');
      const [restarted] = await restartDaemons(['busy']);
      expect(restarted).toEqual({ from: info.pid, to: expect.any(Number), devices: ['busy'] });
      expect(isAlive({ pid: info.pid, startTime: '0' })).toBe(false);
      expect((await looking)?.name).toBe('busy');
      info = (await findDevice('busy'))!;
      expect(info.pid).toBe(restarted!.to);
      await until(() => load.acknowledgements > before);
    }
    await load.check();
    expect(node.recoveries).toBe(5);
    // The last successor may have answered before it has told the supervisor that it is done.
    await expect.poll(daemonsInfo, { timeout: 10_000 }).toEqual({
      supervisor: harness.supervisor,
      daemons: [{ pid: info.pid, state: 'serving', common: false, devices: ['busy'], failures: 0 }],
    });
    node.used = false;
    await closeDevice('busy');
  });

  it('needs no kernel, but no clients either', async () => {
    const image = harness.image();
    const info = await activateDevice(harness.crypt('plain', image, KEY));
    expect((await daemonsInfo()).daemons).toMatchObject([{ pid: info.pid, state: 'unsupervised' }]);
    const client = await connect(info);
    await client.write(0, pattern(4096, 1));
    await expect(restartDaemons(['plain'])).rejects.toEqual(codeIs('DEVICE_BUSY'));
    expect((await findDevice('plain'))?.pid).toBe(info.pid);
    await client.write(4096, pattern(4096, 2));
    await client.close();
    await until(async () => (await findDevice('plain'))?.openCount === 0);
    const [restarted] = await restartDaemons(['plain']);
    const again = await connect((await findDevice('plain'))!);
    const read = new Uint8Array(8192);
    await again.read(0, read);
    expect(Buffer.from(read)).toEqual(Buffer.concat([pattern(4096, 1), pattern(4096, 2)]));
    const [forced] = await restartDaemons(['plain'], { force: true });
    expect(forced!.from).toBe(restarted!.to);
    await again.close().catch(() => {});
    await closeDevice('plain');
  });

  it('is one of all, and so is the supervisor', async () => {
    const names = ['one', 'two'];
    for (const name of names)
      await activateDevice(harness.linear(name, harness.image(), { export: 'ublk', common: name === 'one' }));
    await activateDevice({ ...harness.linear('three', harness.image()), common: true });
    const supervisor = harness.supervisor;
    const before = (await listDevices()).map(({ pid }) => pid);
    const restarted = await restartDaemons([]);
    expect(restarted.map(({ devices }) => devices)).toEqual([['one', 'three'], ['two']]);
    const after = await listDevices();
    expect(after.map(({ name }) => name)).toEqual(['one', 'three', 'two']);
    expect(after.some(({ pid }) => before.includes(pid))).toBe(false);
    await until(() => ![undefined, supervisor].includes(harness.supervisor) && harness.guarded.length === 2);
  });

  it('keeps its devices when its successor does not come up', async () => {
    const info = await activateDevice(harness.crypt('kept', harness.image(), KEY, { export: 'ublk' }));
    const node = harness.node(info);
    await node.write(0, pattern(4096, 3));
    const program = join(process.env.TEST_PROGRAMS!, 'tscryptd.js');
    renameSync(program, `${program}.away`);
    try {
      await expect(restartDaemons(['kept'])).rejects.toEqual(codeIs('INTERNAL'));
      const { daemons } = await daemonsInfo();
      expect(daemons).toMatchObject([
        { devices: ['kept'], lastError: expect.stringContaining('tscryptd.js') },
      ]);
    } finally {
      renameSync(`${program}.away`, program);
    }
    await restartDaemons(['kept']);
    expect(await node.read(0, 4096)).toEqual(Buffer.from(pattern(4096, 3)));
    await closeDevice('kept');
    await until(() => readdirSync(harness.runtime).length === 0);
  });

  it('may be killed while it does', async () => {
    let info = await activateDevice(harness.crypt('killed', harness.image(), KEY, { export: 'ublk' }));
    const node = harness.node(info);
    const load = new Load(node);
    for (let round = 0; round < 6; round++) {
      const restarting = restartDaemons(['killed']).catch((error: unknown) => error);
      setTimeout(
        () => isAlive({ pid: info.pid, startTime: '0' }) && process.kill(info.pid, 'SIGKILL'),
        round * 8,
      );
      await restarting;
      info = await harness.succeeded('killed', info.pid);
    }
    await load.check();
  });
});
