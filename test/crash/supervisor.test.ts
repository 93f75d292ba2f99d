import { describe, expect, it, vi } from 'vitest';
import { activateDevice, closeDevice, findDevice } from '../../src/daemon/index.ts';
import { requires } from '../suites/requires.ts';
import { KEY, pattern, until } from './daemon-harness.ts';
import { SupervisedHarness } from './supervised/harness.ts';

vi.mock('../../src/package-layout.ts', async (original) => ({
  ...(await original<object>()),
  daemonProgram: () => `${process.env.TEST_PROGRAMS}/tscryptd.js`,
  supervisorProgram: () => `${process.env.TEST_PROGRAMS}/tscrypt-supervisor.js`,
}));

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
    expect(next).toMatchObject({
      ...info,
      pid: next.pid,
      openCount: expect.any(Number),
      export: { node: node.node },
    });
    expect(Buffer.compare(await node.read(8192, 65536), pattern(65536, 1))).toBe(0);
    expect(Buffer.compare(await node.read(131072, 4096), pattern(4096, 2))).toBe(0);
    expect(node.recoveries).toBe(1);
    await closeDevice('volume');
    expect(node.removed).toBe(true);
    await until(() => harness.supervisor === undefined);
    expect(await findDevice('volume')).toBeUndefined();
  });
});
