import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { deviceDirectories } from '../../src/daemon/claim.ts';
import { activateDevice, closeDevice, findDevice, listDevices } from '../../src/daemon/index.ts';
import { requires } from '../suites/requires.ts';
import { codeIs, connect, DaemonHarness } from './daemon-harness.ts';

describe.skipIf(!requires('build'))('daemons started and ended at the same time', () => {
  const harness = new DaemonHarness();

  it('give one name to one of ten', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => activateDevice(harness.linear('one', harness.image()))),
    );
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(won.length).toBe(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toEqual(codeIs('DEVICE_EXISTS'));
    expect((await findDevice('one'))?.pid).toBe(won[0]?.pid);
    expect(deviceDirectories(harness.runtime)).toEqual(['one']);
    await (await connect(won[0]!)).close();
  });

  it('let one of several take a dead one’s place, while others look', async () => {
    const dead = await activateDevice(harness.linear('phoenix', harness.image()));
    process.kill(dead.pid, 'SIGKILL');
    const looking = Promise.all(Array.from({ length: 20 }, () => listDevices()));
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () => activateDevice(harness.linear('phoenix', harness.image()))),
    );
    await looking;
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(won.length).toBe(1);
    expect((await findDevice('phoenix'))?.pid).toBe(won[0]?.pid);
    await (await connect(won[0]!)).close();
  });

  it('are closed once, however many ask', async () => {
    await activateDevice(harness.linear('twice', harness.image()));
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => closeDevice('twice')));
    expect(results.some((result) => result.status === 'fulfilled')).toBe(true);
    for (const result of results) {
      if (result.status === 'rejected')
        expect([codeIs('NO_SUCH_DEVICE'), codeIs('CONNECTION_LOST')]).toContainEqual(result.reason);
    }
    expect(readdirSync(harness.runtime)).toEqual([]);
  });

  it('can be reopened the moment closing returns', async () => {
    const image = harness.image();
    for (let round = 0; round < 5; round++) {
      await activateDevice(harness.linear('again', image));
      await closeDevice('again');
    }
    expect(readdirSync(harness.runtime)).toEqual([]);
  });
});
