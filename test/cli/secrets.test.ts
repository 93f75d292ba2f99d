import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ffiAvailable } from '../../src/sys/index.ts';
import { requires } from '../suites/requires.ts';
import { program, ROOT, type RunResult, workspace } from '../suites/tools.ts';

const CHEAP = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
/** Long enough that a program is still deriving the key when it is looked at or killed. */
const SLOW = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '400000000'];

/** Everything that gives a secret away: its bytes and their usual spellings, whole or half (XTS has two keys). */
function traces(secret: Uint8Array): Buffer[] {
  const half = secret.length / 2;
  return [secret, secret.subarray(0, half), secret.subarray(half)].flatMap((part) => {
    const bytes = Buffer.from(part);
    const hex = bytes.toString('hex');
    const texts = [
      hex,
      hex.toUpperCase(),
      bytes.toString('base64').replace(/=+$/, ''),
      bytes.toString('base64url'),
    ];
    return [bytes, ...texts.map((text) => Buffer.from(text))];
  });
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

describe.skipIf(!requires('build'))('passphrases and keys of the command line', () => {
  const files = workspace();
  const passphrase = Buffer.from(randomBytes(24).toString('base64url'));
  const second = Buffer.from(randomBytes(24).toString('base64url'));
  const volumeKey = randomBytes(64);
  const secrets = { passphrase, second, volumeKey };
  const said: [string, RunResult][] = [];
  let image = '';
  let scratch = '';

  const tscrypt = async (args: readonly string[], stdin: Uint8Array | string = ''): Promise<RunResult> => {
    const result = await program('tscrypt', ['--debug', ...args], {
      stdin,
      cwd: scratch,
      env: { ...files.env, TMPDIR: scratch, HOME: scratch },
    });
    said.push([args.join(' '), result]);
    return result;
  };

  beforeAll(() => {
    image = files.file('disk.img');
    scratch = files.file('scratch');
    mkdirSync(scratch);
    writeFileSync(image, Buffer.alloc(20 << 20));
    writeFileSync(files.file('volume-key'), volumeKey, { mode: 0o600 });
    writeFileSync(files.file('second'), second, { mode: 0o600 });
  });

  it('leave no trace in output, files, processes and images', async () => {
    const ok = (result: RunResult) => expect(result, result.stderr).toMatchObject({ status: 0 });
    const line = Buffer.concat([passphrase, Buffer.from('\n')]);
    ok(
      await tscrypt(
        ['luksFormat', '-q', ...CHEAP, '--volume-key-file', files.file('volume-key'), '-s', '512', image],
        line,
      ),
    );
    ok(await tscrypt(['luksAddKey', ...CHEAP, image, files.file('second')], line));
    ok(await tscrypt(['luksDump', image]));
    ok(await tscrypt(['luksDump', '--dump-json-metadata', image]));
    ok(await tscrypt(['open', '--test-passphrase', '--key-file', files.file('second'), image]));
    expect(await tscrypt(['open', image, 'hushed'], `${second.toString()}wrong\n`)).toMatchObject({
      status: 2,
    });
    expect(await tscrypt(['open', image, 'a/b'], line)).not.toMatchObject({ status: 0 });
    ok(await tscrypt(['open', image, 'hushed'], line));
    ok(await tscrypt(['status', 'hushed']));
    const [owner] = readdirSync(files.file('run/hushed')).filter((name) => name.startsWith('owner.'));
    const pid = owner?.split('.')[1];
    const about = ['cmdline', 'environ', 'comm'].flatMap((file): [string, Buffer][] => {
      try {
        return [[`daemon ${file}`, readFileSync(`/proc/${pid}/${file}`)]];
      } catch {
        // Not readable, not even by its own user: so much the better. The command line always is.
        return [];
      }
    });
    expect(about.length).toBeGreaterThan(0);
    const runtime = filesBelow(files.file('run')).map((path): [string, Buffer] => [path, readFileSync(path)]);
    expect(await tscrypt(['open', image, 'hushed'], line)).toMatchObject({ status: 5 });
    ok(await tscrypt(['close', 'hushed']));

    const places: [string, Buffer][] = [
      ...said.map(([what, result]): [string, Buffer] => [
        what,
        Buffer.concat([result.bytes, Buffer.from(result.stderr)]),
      ]),
      ...about,
      ...runtime,
      ...filesBelow(scratch).map((path): [string, Buffer] => [path, readFileSync(path)]),
      [image, readFileSync(image)],
    ];
    expect(places.length).toBeGreaterThan(12);
    for (const [name, secret] of Object.entries(secrets)) {
      const found = places.filter(([, content]) => traces(secret).some((trace) => content.includes(trace)));
      expect([name, found.map(([place]) => place)]).toEqual([name, []]);
    }
    expect(filesBelow(scratch)).toEqual([]);
  });

  it('are found by this search where they are', () => {
    const planted = Buffer.concat([
      Buffer.from('x'),
      Buffer.from(volumeKey.subarray(32).toString('hex')),
      Buffer.from('y'),
    ]);
    expect(traces(volumeKey).some((trace) => planted.includes(trace))).toBe(true);
  });

  describe.skipIf(!ffiAvailable() || !requires('bash'))('in core files (needs foreign functions)', () => {
    const cores = () => readdirSync(scratch).filter((name) => name.startsWith('core'));
    const limitless = (...command: string[]) =>
      spawn('bash', ['-c', 'ulimit -c unlimited && exec "$@"', 'bash', ...command], {
        cwd: scratch,
        env: { ...process.env, ...files.env },
        stdio: ['pipe', 'ignore', 'ignore'],
      });

    it.each(['SIGABRT', 'SIGSEGV'] as const)(
      'are not left by %s while a passphrase is in use',
      async (signal) => {
        const slow = files.file(`slow-${signal}.img`);
        writeFileSync(slow, Buffer.alloc(20 << 20));
        const child = limitless(
          process.execPath,
          join(ROOT, 'bin/tscrypt.js'),
          'luksFormat',
          '-q',
          ...SLOW,
          slow,
        );
        const ended = once(child, 'exit');
        child.stdin.end(`${passphrase.toString()}\n`);
        // At work on the key: it has read the passphrase to its end, and computes.
        await computing(child.pid!);
        const commandLine = readFileSync(`/proc/${child.pid}/cmdline`);
        expect(traces(passphrase).some((trace) => commandLine.includes(trace))).toBe(false);
        expect(readFileSync(`/proc/${child.pid}/limits`, 'latin1')).toMatch(/^Max core file size +0 +0 /m);
        child.kill(signal);
        expect(await ended).toEqual([null, signal]);
        expect(cores()).toEqual([]);
      },
    );

    it.skipIf(!coresHere())('would be found: an unprotected program leaves one', async () => {
      const child = limitless(process.execPath, '-e', 'process.abort()');
      expect((await once(child, 'exit'))[1]).toBe('SIGABRT');
      expect(cores().length).toBe(1);
    });
  });
});

/** Returns when the process has used so much processor time that it can only be deriving a key. */
async function computing(pid: number): Promise<void> {
  const ticks = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
  for (;;) {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if ((Number(fields[11]) + Number(fields[12])) / ticks > 2) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether the kernel leaves core files in the directory of the process. */
function coresHere(): boolean {
  const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'latin1').trim();
  return pattern !== '' && !/^[|/]/.test(pattern);
}
