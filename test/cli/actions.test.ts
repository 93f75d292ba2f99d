import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectNbd } from '../../src/block/index.ts';
import { requires } from '../suites/requires.ts';
import { program, ROOT, type RunResult, run as runCommand, workspace } from '../suites/tools.ts';

const CHEAP = ['--pbkdf', 'argon2id', '--pbkdf-force-iterations', '4', '--pbkdf-memory', '64'];

describe.skipIf(!requires('build'))('actions of tscrypt', () => {
  const files = workspace();
  const run = (args: readonly string[], stdin = ''): Promise<RunResult> =>
    program('tscrypt', args, { stdin, cwd: files.path, env: files.env });

  async function done(...args: string[]): Promise<RunResult> {
    const result = await run(args);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    return result;
  }

  function makeImage(name: string): void {
    writeFileSync(files.file(name), '');
    truncateSync(files.file(name), 18 * 1024 * 1024);
  }

  beforeAll(async () => {
    for (const name of ['one', 'two', 'wrong']) writeFileSync(files.file(name), name);
    makeImage('disk.img');
    await done('luksFormat', '-q', ...CHEAP, '--label', 'a label', 'disk.img', 'one');
  });

  afterEach(async () => {
    await run(['close', 'volume']);
  });

  it('open, status, close', async () => {
    expect(await done('open', '-d', 'one', 'disk.img', 'volume')).toMatchObject({ stdout: '', stderr: '' });
    const { stdout } = await done('status', '/dev/mapper/volume');
    const [first, ...lines] = stdout.trimEnd().split('\n');
    expect(first).toBe('volume is active.');
    expect(lines).toContain('  type:    LUKS2');
    expect(lines).toContain('  cipher:  aes-xts-plain64');
    expect(lines).toContain('  keysize: 512 [bits]');
    expect(lines).toContain(`  device:  ${files.file('disk.img')}`);
    expect(lines).toContain('  sector size:  4096 [bytes]');
    expect(lines).toContain('  offset:  32768 [512-byte units] (16777216 [bytes])');
    expect(lines).toContain('  size:    4096 [512-byte units] (2097152 [bytes])');
    expect(lines).toContain('  mode:    read/write');
    expect(lines.some((line) => line.startsWith('  export:  nbd+unix:///volume?socket='))).toBe(true);
    await done('close', 'volume');
    expect(await run(['status', 'volume'])).toMatchObject({ status: 4, stdout: 'volume is inactive.\n' });
    expect(await run(['-v', 'close', 'volume'])).toMatchObject({
      status: 4,
      stdout: 'Command failed with code -4 (wrong device or file specified).\n',
      stderr: 'Device volume is not active.\n',
    });
  });

  it('status shows flags and a read-only mapping', async () => {
    await done(
      'open',
      '-d',
      'one',
      '-r',
      '--allow-discards',
      '--perf-no_read_workqueue',
      'disk.img',
      'volume',
    );
    const { stdout } = await done('status', 'volume');
    expect(stdout).toMatch(/^ {2}mode: {4}readonly$/m);
    expect(stdout).toMatch(/^ {2}flags: {3}discards no_read_workqueue$/m);
  });

  it('--persistent keeps flags in the header', async () => {
    makeImage('persistent.img');
    await done('luksFormat', '-q', ...CHEAP, 'persistent.img', 'one');
    await done('open', '-d', 'one', '--persistent', '--allow-discards', 'persistent.img', 'volume');
    expect((await done('luksDump', 'persistent.img')).stdout).toMatch(/^Flags: {7}\tallow-discards/m);
    await done('close', 'volume');
  });

  it('a name in use is refused with 5, before a passphrase is read', async () => {
    await done('open', '-d', 'one', 'disk.img', 'volume');
    expect(await run(['open', '-d', 'not-there', 'disk.img', 'volume'])).toMatchObject({
      status: 5,
      stderr: 'Device volume already exists.\n',
    });
  });

  it('a device with clients is not closed, unless --deferred', async () => {
    await done('open', '-d', 'one', 'disk.img', 'volume');
    const { uris } = JSON.parse((await done('status', '--json', 'volume')).stdout) as { uris: string[] };
    const client = await connectNbd(uris[0] ?? '');
    try {
      expect((await done('status', 'volume')).stdout).toContain('volume is active and is in use.');
      expect(await run(['close', 'volume'])).toMatchObject({
        status: 5,
        stderr: 'Device volume is still in use.\n',
      });
      await done('close', '--deferred', 'volume');
      expect((await done('status', 'volume')).stdout).toContain('closes when the last client leaves');
      await done('close', '--cancel-deferred', 'volume');
      expect((await done('status', 'volume')).stdout).not.toContain('closes when');
    } finally {
      await client.close();
    }
  });

  it('a detached header', async () => {
    makeImage('data.img');
    await done('luksFormat', '-q', ...CHEAP, '--header', 'data.header', 'data.img', 'one');
    expect(await run(['isLuks', 'data.img'])).toMatchObject({ status: 1 });
    await done('isLuks', 'data.header');
    await done('open', '-d', 'one', '--header', 'data.header', 'data.img', 'volume');
    const { stdout } = await done('status', 'volume');
    expect(stdout).toContain(`  header:  ${files.file('data.header')}`);
    expect(stdout).toContain('  offset:  0 [512-byte units] (0 [bytes])');
    await done('close', 'volume');
  });

  it('the volume key, shown, stored and used', async () => {
    const shown = await done('luksDump', '-q', '--dump-volume-key', '-d', 'one', 'disk.img');
    const hex = /MK dump:\t([0-9a-f \n\t]+)$/.exec(shown.stdout)?.[1]?.replace(/\s/g, '');
    await done('luksDump', '-q', '--dump-volume-key', '--volume-key-file', 'vk', '-d', 'one', 'disk.img');
    expect(readFileSync(files.file('vk')).toString('hex')).toBe(hex);
    expect(statSync(files.file('vk')).mode & 0o777).toBe(0o400);
    await done('open', '--test-passphrase', '--volume-key-file', 'vk', 'disk.img');
    makeImage('same-key.img');
    await done('luksFormat', '-q', ...CHEAP, '--volume-key-file', 'vk', 'same-key.img', 'two');
    await done('open', '--test-passphrase', '--master-key-file', 'vk', 'same-key.img');
    await done('luksAddKey', ...CHEAP, '--volume-key-file', 'vk', 'same-key.img', 'one');
    await done('open', '--test-passphrase', '-d', 'one', 'same-key.img');
  });

  it('JSON, and nothing but JSON, on standard output', async () => {
    const opened = await done('open', '-v', '--json', '-d', 'one', 'disk.img', 'volume');
    const info = JSON.parse(opened.stdout) as Record<string, unknown>;
    expect(info).toMatchObject({ name: 'volume', size: 2 * 1024 * 1024, readOnly: false });
    expect(JSON.parse((await done('status', '--json', 'volume')).stdout)).toMatchObject({ active: true });
    expect(JSON.parse((await done('luksDump', '--json', 'disk.img')).stdout)).toMatchObject({
      label: 'a label',
      version: 2,
      metadata: { keyslots: { 0: { type: 'luks2' } } },
    });
    expect(JSON.parse((await done('isLuks', '--json', 'disk.img')).stdout)).toEqual({
      device: 'disk.img',
      luks: true,
      version: 2,
    });
    const none = await run(['status', '--json', 'nothing']);
    expect(none.status).toBe(4);
    expect(JSON.parse(none.stdout)).toEqual({ name: 'nothing', active: false });
  });

  it.each([
    [['open', '--json', '-d', 'wrong', 'disk.img', 'other'], 2, 'WRONG_PASSPHRASE'],
    [['luksDump', '--json', 'one'], 1, 'NOT_RECOGNISED'],
    [['luksDump', '--json', 'not-there'], 4, 'NO_SUCH_DEVICE'],
    [['--json', 'bogus'], 1, 'INVALID_ARGUMENT'],
  ])('%j reports its error as JSON', async (args, status, code) => {
    const result = await run(args);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(JSON.parse(result.stderr)).toMatchObject({ error: { code, message: expect.any(String) } });
  });

  it.skipIf(!requires('root', 'setpriv'))(
    'tells a device that cannot be read from one that cannot be written',
    async () => {
      const asNobody = (...args: string[]): Promise<RunResult> => {
        const command = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath];
        return runCommand('setpriv', [...command, join(ROOT, 'bin/tscrypt.js'), ...args], {
          cwd: files.path,
        });
      };
      chmodSync(files.path, 0o755);
      makeImage('secret.img');
      chmodSync(files.file('secret.img'), 0o600);
      expect(await asNobody('isLuks', 'secret.img')).toMatchObject({
        status: 4,
        stderr: 'Device secret.img does not exist or access denied.\n',
      });
      expect(await asNobody('luksKillSlot', '-d', 'one', 'disk.img', '0')).toMatchObject({
        status: 1,
        stderr: 'Cannot write to device disk.img, permission denied.\n',
      });
    },
  );

  it('shows a stack only with --debug', async () => {
    expect((await run(['luksDump', 'one'])).stderr).toBe('Device one is not a valid LUKS device.\n');
    const { stdout } = await run(['luksDump', '--debug', 'one']);
    expect(stdout).toMatch(/^# {5}at /m);
  });

  it('is quiet when nobody reads', async () => {
    const script = `"${process.execPath}" "${join(ROOT, 'bin/tscrypt.js')}" --help | head -1`;
    expect(execFileSync('sh', ['-c', `${script} 2>&1`], { encoding: 'utf8' })).toBe(
      'Usage: tscrypt [OPTION...] <action> <action-specific>\n',
    );
    const child = spawn(process.execPath, [join(ROOT, 'bin/tscrypt.js'), 'luksDump', files.file('disk.img')]);
    child.stdout.destroy();
    const errors: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(Buffer.concat(errors).toString()).toBe('');
    expect(status).toBe(0);
  });

  it('answers help and version without loading the rest', async () => {
    expect((await done('--version')).stdout).toMatch(/^tscrypt \d+\.\d+\.\d+ flags: /);
    expect((await done('luksOpen', '--help')).stdout).toContain('Usage: tscrypt [OPTION...] open <device>');
    expect((await run(['--usage'])).stderr).toMatch(/^Usage: tscrypt \[-\?\|--help\]/);
  });

  it('benchmark measures one cipher or hash, and says what it does not have', async () => {
    const { stdout } = await done('benchmark', '--cipher', 'aes-xts', '--key-size', '512');
    expect(stdout).toMatch(/^ {8}aes-xts +512b +[\d.]+ MiB\/s +[\d.]+ MiB\/s$/m);
    expect((await done('benchmark', '--hash', 'sha256')).stdout).toMatch(
      /^PBKDF2-sha256 {4} *\d+ iterations per second for 256-bit key$/m,
    );
    expect(await run(['benchmark', '--cipher', 'bogus-xts'])).toMatchObject({
      status: 1,
      stderr: 'Cipher bogus-xts (with 256 bits key) is not available.\n',
    });
  });

  it('knows a LUKS1 device for LUKS, and does not open it', async () => {
    makeImage('luks1.img');
    const start = Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 1);
    writeFileSync(files.file('luks1.img'), start, { flag: 'r+' });
    expect(await run(['isLuks', 'luks1.img'])).toMatchObject({ status: 0 });
    const refused = await run(['open', '--test-passphrase', '-d', 'one', 'luks1.img']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('Device luks1.img is a LUKS1 device.');
    expect((await done('luksFormat', '-q', ...CHEAP, 'luks1.img', 'one')).stdout).toContain(
      "Existing 'crypto_LUKS' superblock signature on device luks1.img will be wiped.",
    );
  });

  it('refuses what this version does not have, by name', async () => {
    expect((await run(['reencrypt', 'disk.img'])).stderr).toMatch(
      /tscrypt: Action reencrypt is not available in this version\.\n$/,
    );
    for (const name of ['veritysetup', 'integritysetup']) {
      expect(existsSync(join(ROOT, 'bin', `${name}.js`))).toBe(true);
      const result = await program(name, ['status', 'x']);
      expect(result).toMatchObject({ status: 1, stdout: '' });
      expect(result.stderr).toContain(`Action status of ${name} is not available in this version.`);
    }
  });
});
