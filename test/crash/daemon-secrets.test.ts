import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../src/crypto/index.ts';
import {
  activateDevice,
  closeDevice,
  deviceTable,
  findDevice,
  listDevices,
  loadDeviceTable,
  messageDevice,
  resumeDevice,
  suspendDevice,
} from '../../src/daemon/index.ts';
import { ffiAvailable, isAlive } from '../../src/sys/index.ts';
import { disposeTable } from '../../src/table/index.ts';
import { requires } from '../suites/requires.ts';
import { connect, DaemonHarness, KEY, pattern, until } from './daemon-harness.ts';

const NOBODY = 65534;
const AS_NOBODY = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
const ROOT = process.getuid?.() === 0;
const DAEMON = resolve(import.meta.dirname, '../../dist/daemon/index.js');

/** Everything that gives a key away: its bytes, or its bytes as text; or half of it (XTS has two keys). */
function traces(key: Uint8Array): Buffer[] {
  return [key, key.subarray(0, key.length / 2), key.subarray(key.length / 2)].flatMap((part) => {
    const bytes = Buffer.from(part);
    const hex = bytes.toString('hex');
    return [
      bytes,
      ...[hex, hex.toUpperCase(), bytes.toString('base64'), bytes.toString('base64url')].map((text) =>
        Buffer.from(text),
      ),
    ];
  });
}

function files(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

describe.skipIf(!requires('build'))('secrets of a daemon', () => {
  const harness = new DaemonHarness();

  it('are in no argument, environment, file, answer or log', async () => {
    const info = await activateDevice(
      harness.crypt('hush', harness.image(), KEY, { description: { cipher: 'aes' } }),
    );
    const client = await connect(info);
    await client.write(0, pattern(4096, 1));
    await client.close();
    const places: [string, Buffer][] = [
      ...['cmdline', 'environ', 'status', 'comm'].map((file): [string, Buffer] => [
        file,
        aboutProcess(info.pid, file),
      ]),
      ...files(harness.runtime).map((file): [string, Buffer] => [file, readFileSync(file)]),
      ['status', Buffer.from(JSON.stringify(await findDevice('hush')))],
      ['list', Buffer.from(JSON.stringify(await listDevices()))],
    ];
    expect(places.length).toBeGreaterThan(6);
    for (const [place, content] of places) {
      for (const trace of traces(KEY.bytes)) expect([place, content.includes(trace)]).toEqual([place, false]);
    }
    await closeDevice('hush', { force: true });
  });

  it('are in no file, answer or log after they were loaded, shown and set by a message', async () => {
    const image = harness.image();
    const { table } = harness.crypt('later', image, KEY);
    await activateDevice({ name: 'later', uuid: '', common: true });
    await loadDeviceTable('later', table!);
    await resumeDevice('later');
    const shown = await deviceTable('later', { showKeys: true });
    expect((shown[0]!.args[1] as Secret).bytes).toEqual(KEY.bytes);
    disposeTable(shown);
    await suspendDevice('later');
    await messageDevice('later', 0, ['key', 'wipe']);
    await messageDevice('later', 0, ['key', 'set', KEY]);
    await expect(messageDevice('later', 0, ['key', 'set', KEY, 'again'])).rejects.toThrow();
    await expect(loadDeviceTable('later', [{ ...table![0]!, type: 'linear' }])).rejects.toThrow();
    await resumeDevice('later');
    const info = (await findDevice('later'))!;
    const said = [info, await listDevices(), await deviceTable('later')].map((value) =>
      Buffer.from(JSON.stringify(value)),
    );
    const kept = ['cmdline', 'environ'].map((file) => aboutProcess(info.pid, file));
    for (const content of [...said, ...kept, ...files(harness.runtime).map((file) => readFileSync(file))]) {
      for (const trace of traces(KEY.bytes)) expect(content.includes(trace)).toBe(false);
    }
  });

  it('do not reach it or leave it through its environment', async () => {
    const script = join(harness.directory, 'intruder.cjs');
    const proof = join(harness.directory, 'intruded');
    writeFileSync(script, `require('fs').writeFileSync(${JSON.stringify(proof)}, '')`);
    process.env.NODE_OPTIONS = `--require ${script}`;
    process.env.PASSPHRASE_OF_SOMEBODY = 'open sesame';
    try {
      const info = await activateDevice(harness.linear('clean', harness.image()));
      const environment = aboutProcess(info.pid, 'environ').toString('latin1');
      expect(environment).not.toContain('NODE_OPTIONS');
      expect(environment).not.toContain('sesame');
      expect(existsSync(proof)).toBe(false);
    } finally {
      delete process.env.NODE_OPTIONS;
      delete process.env.PASSPHRASE_OF_SOMEBODY;
    }
  });

  it('are not opened to a debugger by SIGUSR1', async () => {
    const info = await activateDevice(harness.linear('usr1', harness.image()));
    for (let i = 0; i < 5; i++) {
      process.kill(info.pid, 'SIGUSR1');
      expect((await findDevice('usr1'))?.pid).toBe(info.pid);
    }
    expect(readFileSync(join(harness.runtime, 'usr1', 'log'), 'utf8')).not.toContain('ebugger');
  });

  it('inherits no files of the one who started it', async () => {
    const program = `const { activateDevice } = await import(${JSON.stringify(pathToFileURL(DAEMON).href)});
      await activateDevice(${JSON.stringify(harness.linear('heir', harness.image()))});`;
    const secretFile = join(harness.directory, 'open-in-launcher');
    writeFileSync(secretFile, 'x');
    execFileSync('bash', [
      '-c',
      'exec "$0" --input-type=module -e "$1" 200<"$2"',
      process.execPath,
      program,
      secretFile,
    ]);
    const info = (await findDevice('heir'))!;
    const open = spawnSync('ls', ['-l', `/proc/${info.pid}/fd`], { encoding: 'utf8' });
    expect(open.stdout).not.toContain('open-in-launcher');
  });

  describe.skipIf(!ffiAvailable() || !requires('root'))(
    'in core files (needs foreign functions and root)',
    () => {
      it.each(['SIGABRT', 'SIGSEGV'] as const)('are not left by %s', async (signal) => {
        const request = harness.linear(`core-${signal}`, harness.image());
        const program = `const { activateDevice } = await import(${JSON.stringify(pathToFileURL(DAEMON).href)});
        await activateDevice(${JSON.stringify(request)});`;
        execFileSync('bash', [
          '-c',
          'ulimit -c unlimited && exec "$0" --input-type=module -e "$1"',
          process.execPath,
          program,
        ]);
        const info = (await findDevice(request.name))!;
        expect(readFileSync(`/proc/${info.pid}/limits`, 'latin1')).toMatch(/^Max core file size +0 +0 /m);
        const before = coreFiles();
        process.kill(info.pid, signal);
        await until(() => !isAlive({ pid: info.pid, startTime: '0' }));
        expect(coreFiles()).toEqual(before);
      });
    },
  );

  describe.skipIf(!ffiAvailable() || !requires('root', 'setpriv') || !othersCanRun())(
    'against other processes (as root)',
    () => {
      it('control takes nobody but the owner and root, even through an open door', async () => {
        const info = await activateDevice(harness.linear('door', harness.image()));
        const socket = join(harness.runtime, 'door', 'control.sock');
        const knock = `require('net').connect(${JSON.stringify(socket)}).on('error', (e) => console.log(e.code)).on('connect', function () {
        this.write('{"id":1,"method":"status"}\\n') }).on('data', function (d) { console.log('answer ' + d); this.destroy() }).on('close', () => console.log('closed'))`;
        const asNobody = () =>
          spawnSync('setpriv', [...AS_NOBODY, process.execPath, '-e', knock], { encoding: 'utf8', cwd: '/' })
            .stdout;
        expect(asNobody()).toContain('EACCES');
        for (const path of [harness.runtime, join(harness.runtime, 'door')]) chmodSync(path, 0o755);
        chmodSync(socket, 0o666);
        const said = asNobody();
        expect(said).toContain('closed');
        expect(said).not.toContain('answer');
        expect((await findDevice('door'))?.pid).toBe(info.pid);
        chmodSync(harness.runtime, 0o700);
      });
    },
  );

  it.skipIf(!ffiAvailable() || !requires('gcore') || !othersCanRun())(
    'memory is closed to other processes of the same user',
    () => {
      const home = join(harness.directory, 'nobody');
      mkdirSync(home, { recursive: true });
      if (ROOT) chownSync(home, NOBODY, NOBODY);
      const image = join(home, 'image');
      writeFileSync(image, Buffer.alloc(8 << 20));
      if (ROOT) chownSync(image, NOBODY, NOBODY);
      const run = (command: string, ...args: string[]) =>
        spawnSync(...asOrdinaryUser(command, args), {
          encoding: 'utf8',
          cwd: home,
          env: { ...process.env, HOME: home, TSCRYPT_RUNTIME_DIR: join(home, 'run') },
        });
      const module = JSON.stringify(pathToFileURL(DAEMON).href);
      const activate = `const { activateDevice } = await import(${module});
        console.log((await activateDevice(${JSON.stringify(harness.linear('own', image))})).pid);`;
      const started = run(process.execPath, '--input-type=module', '-e', activate);
      expect(started.stderr).toBe('');
      const pid = Number(started.stdout);
      try {
        expect(run('kill', '-0', String(pid)).status).toBe(0);
        expect(run('cat', `/proc/${pid}/environ`).status).not.toBe(0);
        expect(run('head', '-c', '1', `/proc/${pid}/maps`).status).not.toBe(0);
        expect(run('gcore', '-o', join(home, 'core'), String(pid)).status).not.toBe(0);
        expect(readdirSync(home).filter((name) => name.startsWith('core'))).toEqual([]);
        // The same user's gcore can do it to a process that is not protected.
        if (mayTrace()) {
          const plain = run('bash', '-c', 'sleep 60 & gcore -o "$0" $! && kill $!', join(home, 'plain'));
          expect([plain.status, plain.stderr]).toEqual([0, expect.any(String)]);
        }
      } finally {
        run(
          process.execPath,
          '--input-type=module',
          '-e',
          `await (await import(${module})).closeDevice('own');`,
        );
      }
      expect(readdirSync(join(home, 'run'))).toEqual([]);
    },
  );
});

/** The command as somebody who is not root: nobody if this is root, else whoever runs the tests. */
function asOrdinaryUser(command: string, args: readonly string[]): [string, string[]] {
  return ROOT ? ['setpriv', [...AS_NOBODY, command, ...args]] : [command, [...args]];
}

/** Whether such a user can read this checkout: one in root's home directory is closed to others. */
function othersCanRun(): boolean {
  if (spawnSync(...asOrdinaryUser('test', ['-r', DAEMON])).status === 0) return true;
  process.stderr.write('skipped: other users cannot read this checkout\n');
  return false;
}

/** Whether the kernel lets a user look into processes that are not their own children (yama's ptrace_scope). */
function mayTrace(): boolean {
  const setting = '/proc/sys/kernel/yama/ptrace_scope';
  return !existsSync(setting) || readFileSync(setting, 'latin1').trim() === '0';
}

/** A file of /proc/PID; empty where the daemon's hardening keeps it from this user, as it should. */
function aboutProcess(pid: number, file: string): Buffer {
  try {
    return readFileSync(`/proc/${pid}/${file}`);
  } catch (error) {
    expect([(error as NodeJS.ErrnoException).code, ROOT]).toEqual(['EACCES', false]);
    return Buffer.alloc(0);
  }
}

/** Where the kernel would leave a core file of a process whose directory is /. */
function coreFiles(): string[] {
  const patternDirectory = readFileSync('/proc/sys/kernel/core_pattern', 'latin1')
    .trim()
    .replace(/[^/]*$/, '');
  return ['/', patternDirectory.startsWith('/') ? patternDirectory : '/'].flatMap((directory) =>
    readdirSync(directory).filter((name) => name.startsWith('core')),
  );
}
