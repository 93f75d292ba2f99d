import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import {
  activateDevice,
  closeDevice,
  deviceTable,
  findDevice,
  loadDeviceTable,
  messageDevice,
  renameDevice,
  resumeDevice,
  suspendDevice,
} from '../../src/daemon/index.ts';
import { TscryptError } from '../../src/errors.ts';
import { formatTable, parseTable } from '../../src/table/index.ts';
import { requires } from '../suites/requires.ts';
import { KEY, pattern } from './daemon-harness.ts';
import { Load, SupervisedHarness } from './supervised/harness.ts';

vi.mock('../../src/package-layout.ts', async (original) => ({
  ...(await original<object>()),
  daemonProgram: () => `${process.env.TEST_PROGRAMS}/tscryptd.js`,
  supervisorProgram: () => `${process.env.TEST_PROGRAMS}/tscrypt-supervisor.js`,
}));

/** Errors of whoever asked a daemon that was killed before it answered. */
const KILLED = new Set(['CONNECTION_LOST', 'INTERNAL']);

/** Runs an operation whose daemon may die meanwhile: whether it was reported as done. */
async function reported(operation: Promise<unknown>): Promise<boolean> {
  try {
    await operation;
    return true;
  } catch (error) {
    if (error instanceof TscryptError && KILLED.has(error.code)) return false;
    throw error;
  }
}

describe.skipIf(!requires('build'))('daemons killed at any moment', () => {
  const harness = new SupervisedHarness();

  it('twenty in a row lose nothing that was acknowledged', { timeout: 180_000 }, async () => {
    let info = await activateDevice(harness.crypt('busy', harness.image(), KEY, { export: 'ublk' }));
    const node = harness.node(info);
    const load = new Load(node);
    for (let kill = 0; kill < 20; kill++) {
      const before = load.acknowledgements;
      // At least one write between two deaths; how many is left to chance.
      while (load.acknowledgements === before) await sleep(1);
      await sleep(Math.random() * 30);
      process.kill(info.pid, 'SIGKILL');
      info = await harness.succeeded('busy', info.pid);
    }
    await load.check();
    expect(node.recoveries).toBeGreaterThanOrEqual(20);
    expect(info.table).toContain('crypt aes-xts-plain64');
    await closeDevice('busy');
  });

  it('while tables are exchanged have gone over to the new one, or have not', {
    timeout: 120_000,
  }, async () => {
    const images = [harness.image(), harness.image()];
    const table = (which: number) => harness.crypt('', images[which]!, KEY).table!;
    let info = await activateDevice(harness.crypt('moved', images[0]!, KEY, { export: 'ublk' }));
    const node = harness.node(info);
    /** What was acknowledged through each image. */
    let seed = 0;
    for (let round = 0; round < 12; round++) {
      const next = (round + 1) % 2;
      let last = 0;
      let stop = false;
      const writing = (async () => {
        while (!stop) {
          const number = ++seed;
          await node.write(0, pattern(4096, number));
          last = number;
        }
      })();
      const changing = reported(
        loadDeviceTable('moved', table(next)).then(() => resumeDevice('moved', { flush: round % 2 === 0 })),
      );
      await sleep(Math.random() * 12);
      process.kill(info.pid, 'SIGKILL');
      const done = await changing;
      info = await harness.succeeded('moved', info.pid);
      stop = true;
      await writing;
      expect(await node.read(0, 4096)).toEqual(Buffer.from(pattern(4096, last)));
      const live = formatTable(await deviceTable('moved'));
      if (done) expect(live).toContain(images[next]!);
      // Wherever it is now: the next round begins at the image that the last one was to reach.
      await loadDeviceTable('moved', table(next));
      await resumeDevice('moved');
      await node.write(0, pattern(4096, ++seed));
    }
    await closeDevice('moved');
  });

  it('during operations of all kinds have done what they said', { timeout: 120_000 }, async () => {
    const image = harness.image();
    let name = 'name-0';
    let info = await activateDevice(harness.crypt(name, image, KEY, { export: 'ublk' }));
    const node = harness.node(info);
    const load = new Load(node);
    for (let round = 0; round < 16; round++) {
      const to = `name-${round + 1}`;
      const operations: (() => Promise<unknown>)[] = [
        () => renameDevice(name, to),
        () => suspendDevice(name).then(() => resumeDevice(name)),
        () => loadDeviceTable(name, parseTable('0 8 zero')),
        () => messageDevice(name, 0, ['@stats_list']),
      ];
      const operation = operations[round % operations.length]!();
      const outcome = reported(operation);
      await sleep(Math.random() * 8);
      process.kill(info.pid, 'SIGKILL');
      const done = await outcome;
      if (round % operations.length === 0) {
        // The name is one of the two: the new one if that was reported.
        const renamed = done || (await findDevice(to)) !== undefined;
        expect(await findDevice(renamed ? name : to)).toBeUndefined();
        if (renamed) name = to;
      }
      info = await harness.succeeded(name, info.pid);
      if (info.suspended) await resumeDevice(name);
      else if (done && round % operations.length === 2) {
        expect(formatTable(await deviceTable(name, { inactive: true }))).toContain('0 8 zero');
      }
      // So that the next resume does not make it live.
      await loadDeviceTable(name, harness.crypt('', image, KEY).table!);
    }
    await load.check();
    await closeDevice(name);
  });
});
