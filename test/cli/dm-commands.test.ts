import { realpathSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { program, type RunResult, workspace } from '../suites/tools.ts';

/** What tsdmsetup has that dmsetup does not have: JSON, help of one command, another name; and what takes time. */
describe.skipIf(!requires('build'))('tsdmsetup', () => {
  const files = workspace();

  const dm = (...args: string[]): Promise<RunResult> =>
    program('tsdmsetup', args, { cwd: files.path, env: files.env });

  async function done(...args: string[]): Promise<RunResult> {
    const result = await dm(...args);
    expect(result, result.stderr).toMatchObject({ status: 0, stderr: '' });
    return result;
  }

  async function json(...args: string[]): Promise<unknown> {
    return JSON.parse((await done('--json', ...args)).stdout);
  }

  beforeAll(async () => {
    for (const name of ['a', 'b']) writeFileSync(files.file(name), Buffer.alloc(1 << 20));
  });

  it('prints devices, tables and states as JSON', async () => {
    const made = await json('create', 'one thing', '-u', 'U 1', '--table', '0 1024 linear a 8\n1024 8 zero');
    expect(made).toMatchObject({ name: 'one thing', uuid: 'U 1', major: 4095, minor: 0, size: 1032 * 512 });
    const socket = 'one\\x20thing/nbd.sock';
    expect(made).toMatchObject({ uris: [expect.stringMatching(/^nbd\+unix:/)], targetCount: 2 });
    expect(made).toMatchObject({ socket: expect.stringContaining(socket) });
    const path = realpathSync(files.file('a'));
    const table = {
      device: 'one thing',
      targets: [
        { start: 0, length: 1024, type: 'linear', args: [path, '8'] },
        { start: 1024, length: 8, type: 'zero', args: [] },
      ],
    };
    const status = {
      device: 'one thing',
      targets: [
        { start: 0, length: 1024, type: 'linear', info: '' },
        { start: 1024, length: 8, type: 'zero', info: '' },
      ],
    };
    expect(await json('table', 'one thing')).toEqual(table);
    expect(await json('table')).toEqual([table]);
    expect(await json('table', '--inactive', '-u', 'U 1')).toEqual({ device: 'one thing', targets: [] });
    expect(await json('table', '--target', 'zero')).toEqual([{ ...table, targets: table.targets.slice(1) }]);
    expect(await json('status', 'one thing')).toEqual(status);
    expect(await json('status', 'one thing', 'one thing')).toEqual([status, status]);
    expect(await json('info', '-j', '4095', '-m', '0')).toEqual(made);
    expect(await json('message', 'one thing', '0', '@stats_list')).toEqual({
      device: 'one thing',
      answer: '',
    });
    expect(await json('create', '--concise', 'c1,,,,0 8 zero;c2,,,,0 8 zero')).toMatchObject([
      { name: 'c1' },
      { name: 'c2' },
    ]);
    await done('remove', 'c1', 'c2', 'one thing');
    expect(await json('table')).toEqual([]);
    expect(await json('status')).toEqual([]);
  });

  it('prints versions as JSON', async () => {
    expect(await json('version')).toEqual({ library: expect.any(String), driver: '4.48.0' });
    expect(await json('targets')).toContainEqual({ name: 'linear', version: '1.4.0' });
    expect(await json('target-version', 'crypt')).toEqual([{ name: 'crypt', version: '1.28.0' }]);
    expect(await json('udevflags', '0x50000')).toEqual([
      'DM_UDEV_DISABLE_DM_RULES_FLAG',
      'DM_UDEV_DISABLE_DISK_RULES_FLAG',
    ]);
  });

  it.each([
    [['remove', 'nosuch'], 'NO_SUCH_DEVICE', /^device-mapper: remove ioctl on nosuch {2}failed: /],
    [['create', 'x', '--table', '0 8 linear'], 'INVALID_ARGUMENT', /^linear: Invalid argument count$/],
    [['create', 'x', '--table', 'junk'], 'INVALID_ARGUMENT', /^Invalid format on line 1 of table \.$/],
    [['measure'], 'NOT_SUPPORTED', /^measure is not available/],
    [['status', '--inactive'], 'NOT_SUPPORTED', /^The status of an inactive table/],
    [['--bogus'], 'INVALID_ARGUMENT', /^tsdmsetup: unrecognized option '--bogus'$/],
    [['bogus'], 'INVALID_ARGUMENT', /^Unknown command\.$/],
    [[], 'INVALID_ARGUMENT', /^A command is missing\.$/],
  ])('says in JSON that %j fails', async (args, code, message) => {
    const result = await dm(...args, '--json');
    expect(result).toMatchObject({ status: 1, stdout: '' });
    expect(JSON.parse(result.stderr)).toMatchObject({
      error: { code, message: expect.stringMatching(message) },
    });
    expect(result.stderr.trimEnd()).not.toContain('\n');
  });

  it('says why a table is refused, in the form of the kernel’s log', async () => {
    const refused = await dm('create', 'x', '--table', '0 4096 linear a 0');
    const path = realpathSync(files.file('a'));
    expect(refused).toMatchObject({
      status: 1,
      stdout: '',
      stderr: [
        `device-mapper: table: 4095:0: ${path} too small for target: start=0, len=4096, dev_size=2048`,
        'device-mapper: reload ioctl on x (4095:0) failed: Invalid argument',
        'Command failed.',
        '',
      ].join('\n'),
    });
  });

  it('waits for the next event', async () => {
    const path = realpathSync(files.file('a'));
    const table = `0 8 multipath 0 0 1 1 round-robin 0 1 1 ${path} 1000`;
    await done('create', 'w', '-u', 'W', '--table', table);
    let over = false;
    const waiting = json('wait', '-u', 'W').finally(() => {
      over = true;
    });
    // Each failure of a path and each recovery is an event; the first may come before the waiting.
    for (let failed = false; !over; failed = !failed)
      await done('message', 'w', '0', failed ? 'reinstate_path' : 'fail_path', path);
    const { eventNumber: seen } = (await waiting) as { eventNumber: number };
    const { eventNumber } = (await json('info', 'w')) as { eventNumber: number };
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThanOrEqual(eventNumber);
    expect(await json('wait', 'w', String(eventNumber + 1))).toMatchObject({ name: 'w', eventNumber });
    await done('remove', '--force', 'w');
  });

  it('keeps a device whose last flush fails until it is forced to let go', async () => {
    const path = realpathSync(files.file('a'));
    await done('create', 'f', '--table', `0 8 multipath 0 0 1 1 round-robin 0 1 1 ${path} 1000`);
    await done('message', 'f', '0', 'fail_path', path);
    const { status, stderr } = await dm('remove', 'f');
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^device-mapper: ioctl: .*\n.* remove ioctl on f {2}failed: Input\/output error\n/,
    );
    expect(stderr).toContain('\nThe device stays. remove --force gives up');
    expect(await json('status', 'f')).toMatchObject({ device: 'f' });
    await done('remove', '--force', 'f');
    expect(await json('status')).toEqual([]);
  });

  it('tries again with --retry', async () => {
    await done('create', 'low', '--table', '0 8 linear a 0');
    await done('create', 'high', '--table', '0 8 linear /dev/mapper/low 0');
    expect(await dm('remove', 'low')).toMatchObject({ status: 1 });
    await Promise.all([done('remove', '--retry', 'low'), done('remove', 'high')]);
    expect(await json('table')).toEqual([]);
  });

  it('checks the whole concise specification before it makes anything', async () => {
    const spec = 'c1,,,,0 8 zero;c2,,,,0 8';
    expect(await dm('create', '--concise', spec)).toMatchObject({
      status: 1,
      stderr: 'Invalid format on line 1 of table .\nCommand failed.\n',
    });
    expect(await json('table')).toEqual([]);
  });

  it('makes the devices again that it printed', async () => {
    await done('create', 'a;b,c', '-u', 'x,y', '-r', '--table', '0 8 linear a 0');
    await done(
      'create',
      'd',
      '-r',
      '-j',
      '4095',
      '-m',
      '9',
      '--table',
      '0 8 linear /dev/mapper/a\\\\x3bb\\\\x2cc 0\n8 8 zero',
    );
    const { stdout } = await done('table', '--concise');
    await done('remove', 'd', 'a;b,c');
    await done('create', '--concise', stdout);
    expect((await done('table', '--concise')).stdout).toBe(stdout);
    await done('remove_all');
  });

  it('explains a command on standard output', async () => {
    for (const args of [
      ['help', 'create'],
      ['create', '--help'],
      ['-h', 'create', 'x'],
    ]) {
      const { stdout } = await done(...args);
      expect(stdout).toMatch(/^Usage: tsdmsetup create <dev_name> /);
      expect(stdout).toContain('--concise');
    }
    expect(await dm('help')).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringMatching(/^Usage:\n/),
    });
    expect((await dm('help', '-c')).stderr).toContain('\n  blkdevname ');
    expect(await dm('help', 'bogus')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^Unknown command\.\nUsage:\n/),
    });
  });

  it('is tscrypt dm', async () => {
    const run = (...args: string[]) =>
      program('tscrypt', ['dm', ...args], { cwd: files.path, env: files.env });
    expect(await run('create', 'x', '--table', '0 8 zero')).toMatchObject({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect((await run('table')).stdout).toBe('x: 0 8 zero \n');
    expect(await run('--bogus')).toMatchObject({
      status: 1,
      stderr: "tscrypt dm: unrecognized option '--bogus'\nCouldn't process command line.\n",
    });
    expect((await run()).stderr).toMatch(/^Usage:\n\ntscrypt dm\n/);
    expect(await run('remove', 'x')).toMatchObject({ status: 0 });
  });
});
