import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { program, type RunResult, workspace } from '../suites/tools.ts';

/** The bytes of a key and its usual spellings, whole or half. */
function traces(key: Uint8Array): Buffer[] {
  const half = key.length / 2;
  return [key, key.subarray(0, half), key.subarray(half)].flatMap((part) => {
    const bytes = Buffer.from(part);
    const hex = bytes.toString('hex');
    const base64 = bytes.toString('base64').replace(/=+$/, '');
    return [bytes, ...[hex, hex.toUpperCase(), base64].map((text) => Buffer.from(text))];
  });
}

describe.skipIf(!requires('build'))('keys in tables of tsdmsetup', () => {
  const files = workspace();
  const key = randomBytes(64);
  const second = randomBytes(64);
  const hex = key.toString('hex');
  const secondHex = second.toString('hex');
  const hidden = '0'.repeat(128);
  const said: [string, RunResult][] = [];
  let scratch = '';

  const line = (name: string, digits: string) =>
    `0 2048 crypt aes-xts-plain64 ${digits} 0 ${files.file(name)} 0`;

  async function dm(args: readonly string[], stdin: Uint8Array | string = ''): Promise<RunResult> {
    const result = await program('tsdmsetup', ['-vvv', ...args], {
      stdin,
      cwd: scratch,
      env: { ...files.env, TMPDIR: scratch, HOME: scratch },
    });
    said.push([args.join(' '), result]);
    return result;
  }

  beforeAll(() => {
    scratch = files.file('scratch');
    mkdirSync(scratch);
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(files.file(name), Buffer.alloc(2 << 20));
    writeFileSync(files.file('table'), line('a', hex), { mode: 0o600 });
  });

  it('leave no trace in output, arguments, state and files', async () => {
    const ok = (result: RunResult): RunResult => {
      expect(result, result.stderr).toMatchObject({ status: 0 });
      return result;
    };
    const failed = (result: RunResult): void => {
      expect(result).toMatchObject({ status: 1 });
    };
    ok(await dm(['create', 'one', files.file('table')]));
    ok(await dm(['create', 'two'], line('b', hex)));
    ok(await dm(['create', '--concise'], `three,,,,${line('c', hex.toUpperCase())}`));
    // Refused at every stage of its way.
    failed(await dm(['create', 'four'], `${line('d', hex)}\njunk`));
    failed(await dm(['create', 'four'], `${line('d', hex)} bogus_option`));
    failed(await dm(['create', 'four'], line('d', hex).replace('xts', 'nonsense')));
    failed(await dm(['create', 'four'], line('d', hex).replace('crypt', 'linear')));
    failed(await dm(['--json', 'create', 'four'], line('nothing', hex)));
    failed(await dm(['create', '--concise'], `four,,,,${line('d', hex)}\\`));
    failed(await dm(['create', '--concise'], `four,,,,${line('d', hex)};five`));
    failed(await dm(['load', 'nosuch'], line('d', hex)));
    ok(await dm(['load', 'one'], line('a', secondHex)));
    expect(ok(await dm(['table', 'one'])).stdout).toContain(` ${hidden} `);
    expect(ok(await dm(['table', '--inactive', '--json', 'one'])).stdout).toContain(`"${hidden}"`);
    ok(await dm(['table', '--concise']));
    ok(await dm(['info', '--json']));
    ok(await dm(['status', '--json']));
    ok(await dm(['resume', 'one']));
    ok(await dm(['suspend', 'two']));
    ok(await dm(['message', 'two', '0', 'key wipe']));
    ok(await dm(['message', 'two', '0', '-'], `key set ${secondHex}\n`));
    failed(await dm(['message', 'two', '0', '-'], `key set ${secondHex} more`));
    failed(await dm(['message', 'nosuch', '0', '-'], `key set ${secondHex}`));
    ok(await dm(['resume', 'two']));

    const [owner] = readdirSync(files.file('run/one')).filter((name) => name.startsWith('owner.'));
    const commandLine = readFileSync(`/proc/${owner?.split('.')[1]}/cmdline`);
    const below = (folder: string): [string, Buffer][] =>
      readdirSync(folder, { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
        .map((path) => [path, readFileSync(path)]);
    const places: [string, Buffer][] = [
      ...said.map(([what, { bytes, stderr }]): [string, Buffer] => [
        what,
        Buffer.concat([bytes, Buffer.from(stderr)]),
      ]),
      ['the daemon’s command line', commandLine],
      ...below(files.file('run')),
      ...below(scratch),
      ...['a', 'b', 'c', 'd'].map((name): [string, Buffer] => [name, readFileSync(files.file(name))]),
    ];
    expect(places.length).toBeGreaterThan(30);
    const found = places.filter(([, content]) =>
      [key, second].some((secret) => traces(secret).some((trace) => content.includes(trace))),
    );
    expect(found.map(([place]) => place)).toEqual([]);
  });

  it('are shown to who asks for them, and found by this search then', async () => {
    const show = (...args: string[]) =>
      program('tsdmsetup', ['table', '--showkeys', ...args], { env: files.env });
    expect((await show('one')).stdout).toBe(`${line('a', secondHex)}\n`);
    expect((await show('two')).stdout).toBe(`${line('b', secondHex)}\n`);
    expect((await show('--concise', 'three')).stdout).toBe(`three,,2,rw,${line('c', hex)}\n`);
    const json = await show('--json', 'three');
    expect(JSON.parse(json.stdout)).toMatchObject({
      targets: [{ args: ['aes-xts-plain64', hex, '0', files.file('c'), '0'] }],
    });
    expect(traces(key).some((trace) => json.bytes.includes(trace))).toBe(true);
  });
});
