import { closeSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/crypto/index.ts';
import { daemonsInfo, restartDaemons } from '../../src/daemon/daemons.ts';
import {
  activateDevice,
  closeDevice,
  loadDeviceTable,
  messageDevice,
  resumeDevice,
  suspendDevice,
} from '../../src/daemon/index.ts';
import { ffiAvailable } from '../../src/sys/index.ts';
import { requires } from '../suites/requires.ts';
import { until } from './daemon-harness.ts';
import { SupervisedHarness } from './supervised/harness.ts';

vi.mock('../../src/package-layout.ts', async (original) => ({
  ...(await original<object>()),
  daemonProgram: () => `${process.env.TEST_PROGRAMS}/tscryptd.js`,
  supervisorProgram: () => `${process.env.TEST_PROGRAMS}/tscrypt-supervisor.js`,
}));

/** A key that no program holds by chance. */
function key(mark: string): Secret {
  return Secret.copy(Buffer.from(`${mark}-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ`.padEnd(64, '=')));
}

/** Everything that gives a key away: its bytes, or its bytes as text; or half of it (XTS has two keys). */
function traces({ bytes }: Secret): Buffer[] {
  return [bytes, bytes.subarray(0, 32), bytes.subarray(32)].flatMap((part) => {
    const raw = Buffer.from(part);
    return [raw, ...(['hex', 'base64'] as const).map((encoding) => Buffer.from(raw.toString(encoding)))];
  });
}

function files(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** How often the bytes occur in what a process has written to its memory. */
function occurrences(pid: number, wanted: Buffer): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  let count = 0;
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined) continue;
      const start = Number.parseInt(from, 16);
      const length = Number.parseInt(to, 16) - start;
      if (length > 1 << 30) continue;
      const bytes = Buffer.alloc(length);
      let filled = 0;
      try {
        while (filled < length) {
          const got = readSync(memory, bytes, filled, Math.min(length - filled, 1 << 20), start + filled);
          if (got === 0) break;
          filled += got;
        }
      } catch {
        // A region that cannot be read.
      }
      for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1)) count++;
    }
  } finally {
    closeSync(memory);
  }
  return count;
}

describe.skipIf(!requires('build'))('secrets that a supervisor keeps', () => {
  const harness = new SupervisedHarness();
  const crypt = (name: string, secret: Secret) =>
    harness.crypt(name, harness.image(), secret, { export: 'ublk' });

  it('are in no file, argument, environment, answer or log', async () => {
    const secret = key('no file');
    const other = key('not either');
    const info = await activateDevice(crypt('hush', secret));
    await loadDeviceTable('hush', crypt('', other).table!);
    process.kill(info.pid, 'SIGKILL');
    const next = await harness.succeeded('hush', info.pid);
    await resumeDevice('hush');
    await suspendDevice('hush');
    await messageDevice('hush', 0, ['key', 'wipe']);
    await messageDevice('hush', 0, ['key', 'set', secret]);
    await resumeDevice('hush');
    const [restarted] = await restartDaemons(['hush']);
    const places: [string, Buffer][] = [
      ...[next.pid, restarted!.to, harness.supervisor!].flatMap((pid) =>
        ['cmdline', 'environ', 'comm'].flatMap((file): [string, Buffer][] => {
          try {
            return [[`${pid} ${file}`, readFileSync(`/proc/${pid}/${file}`)]];
          } catch {
            // The one that has ended; or it is closed to this user, as it should be.
            return [];
          }
        }),
      ),
      ...files(harness.runtime).map((file): [string, Buffer] => [file, readFileSync(file)]),
      ['status', Buffer.from(JSON.stringify(await daemonsInfo()))],
    ];
    expect(places.length).toBeGreaterThan(8);
    for (const [place, content] of places) {
      for (const trace of [...traces(secret), ...traces(other)])
        expect([place, content.includes(trace)]).toEqual([place, false]);
    }
  });

  it('do not reach it through its environment', async () => {
    const script = join(harness.directory, 'intruder.cjs');
    writeFileSync(script, 'process.stderr.write("intruded\\n")');
    process.env.NODE_OPTIONS = `--require ${script}`;
    process.env.PASSPHRASE_OF_SOMEBODY = 'open sesame';
    try {
      const info = await activateDevice(crypt('clean', key('clean')));
      process.kill(info.pid, 'SIGKILL');
      const next = await harness.succeeded('clean', info.pid);
      for (const pid of [next.pid, harness.supervisor!]) {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
        expect(environment).not.toMatch(/NODE_OPTIONS|sesame/);
      }
      expect(harness.logs).not.toContain('intruded');
    } finally {
      delete process.env.NODE_OPTIONS;
      delete process.env.PASSPHRASE_OF_SOMEBODY;
    }
  });

  describe.skipIf(!ffiAvailable() || !requires('root'))('in its memory (needs root)', () => {
    it('are there once, and not at all when their device is closed', async () => {
      const [first, second, third] = [key('first'), key('second'), key('third')];
      await activateDevice(crypt('stays', first));
      await activateDevice(crypt('goes', second));
      const supervisor = harness.supervisor!;
      const held = (secret: Secret): number => occurrences(supervisor, Buffer.from(secret.bytes));
      expect([held(first), held(second), held(third)]).toEqual([1, 1, 0]);
      await loadDeviceTable('goes', crypt('', third).table!);
      expect([held(second), held(third)]).toEqual([1, 1]);
      await resumeDevice('goes');
      expect([held(second), held(third)]).toEqual([0, 1]);
      const limits = readFileSync(`/proc/${supervisor}/limits`, 'latin1');
      expect(limits).toMatch(/^Max core file size +0 +0 /m);
      await closeDevice('goes');
      expect([held(first), held(second), held(third)]).toEqual([1, 0, 0]);
      expect(harness.supervisor).toBe(supervisor);
    });

    it('are not left in the memory of a successor when they are not needed any more', async () => {
      const secret = key('successor');
      const info = await activateDevice(crypt('again', secret));
      process.kill(info.pid, 'SIGKILL');
      const next = await harness.succeeded('again', info.pid);
      await suspendDevice('again');
      await messageDevice('again', 0, ['key', 'wipe']);
      await until(() => occurrences(harness.supervisor!, Buffer.from(secret.bytes)) === 0);
      expect(occurrences(next.pid, Buffer.from(secret.bytes))).toBe(0);
      // That there is no key outlives the daemon as a key does: zeroes would be one, too.
      process.kill(next.pid, 'SIGKILL');
      await harness.succeeded('again', next.pid);
      await expect(resumeDevice('again')).rejects.toMatchObject({ errno: 'EAGAIN' });
      await messageDevice('again', 0, ['key', 'set', secret]);
      await resumeDevice('again');
    });
  });
});
