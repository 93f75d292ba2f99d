import { chmodSync, mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kernelExporters } from '../../src/export/kernel-exporters.ts';
import { requires } from '../suites/requires.ts';
import { program, type RunResult, workspace } from '../suites/tools.ts';

interface Report {
  readonly usable: boolean;
  readonly node: { readonly version: string; readonly usable: boolean };
  readonly foreignFunctions: { readonly usable: boolean; readonly reason?: string; readonly remedy?: string };
  readonly ioUring: { readonly usable: boolean };
  readonly crypto: {
    readonly engines: readonly string[];
    readonly xts: readonly { readonly sectorSize: number }[];
  };
  readonly exports: readonly { readonly kind: string; readonly usable: boolean; readonly reason?: string }[];
  readonly choice: string;
  readonly runtimeDirectory: { readonly path: string; readonly usable: boolean; readonly reason?: string };
}

describe.skipIf(!requires('build'))('tscrypt doctor', () => {
  const files = workspace();
  const doctor = (args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> =>
    program('tscrypt', ['doctor', ...args], { env: { ...files.env, ...env } });
  const report = (result: RunResult): Report => JSON.parse(result.stdout) as Report;

  it('says the same as text and as data', async () => {
    const text = await doctor([]);
    const json = await doctor(['--json']);
    expect(text).toMatchObject({ status: 0, stderr: '' });
    expect(json).toMatchObject({ status: 0, stderr: '' });
    const found = report(json);
    expect(found).toMatchObject({
      usable: true,
      node: { version: process.versions.node, usable: true },
      runtimeDirectory: { path: files.env.TSCRYPT_RUNTIME_DIR, usable: true },
    });
    expect(found.exports.map(({ kind }) => kind)).toEqual(kernelExporters.map(({ kind }) => kind));
    const first = found.exports.find(({ usable }) => usable);
    expect(found.choice).toBe(first?.kind ?? 'socket');
    const lines = text.stdout.trimEnd().split('\n');
    expect(lines).toContain(`Node.js             ${process.versions.node}`);
    for (const { kind, usable, reason } of found.exports) {
      const line = lines.find((candidate) => candidate.startsWith(kind.padEnd(20)));
      expect(line).toMatch(usable ? /^\S+ +yes/ : /^\S+ +no: /);
      if (reason !== undefined) expect(line).toContain(reason);
    }
    expect(lines.at(-1)).toContain(`--export auto takes ${found.choice === 'socket' ? 'socket' : 'that'}`);
    expect(found.crypto.engines.at(-1)).toBe('node');
    if (found.crypto.engines.length > 1) {
      expect(found.crypto.xts.map(({ sectorSize }) => sectorSize)).toEqual([512, 4096]);
    }
  });

  it('is content without foreign functions, and says what that costs', async () => {
    const env = { TSCRYPT_NO_FFI: '1' };
    const json = await doctor(['--json'], env);
    expect(json.status).toBe(0);
    expect(report(json)).toMatchObject({
      usable: true,
      foreignFunctions: { usable: false, reason: expect.stringContaining('TSCRYPT_NO_FFI') },
      ioUring: { usable: false },
      crypto: { engines: ['node'], xts: [] },
      choice: 'socket',
    });
    const { stdout } = await doctor([], env);
    expect(stdout).toMatch(/^foreign functions {3}no: .*\n {20}→ .*$/m);
    expect(stdout.trimEnd()).toMatch(/--export auto takes socket\)\.$/);
  });

  it('fails where no device can be served at all', async () => {
    const path = files.file('open-to-others');
    mkdirSync(path);
    chmodSync(path, 0o777);
    const json = await doctor(['--json'], { TSCRYPT_RUNTIME_DIR: path });
    expect(json.status).toBe(1);
    expect(report(json)).toMatchObject({ usable: false, runtimeDirectory: { path, usable: false } });
    const text = await doctor([], { TSCRYPT_RUNTIME_DIR: path });
    expect(text.status).toBe(1);
    expect(text.stdout.trimEnd()).toMatch(/^Devices cannot be served here\.$/m);
  });

  it('takes no operands', async () => {
    expect(await doctor(['disk.img'])).toMatchObject({ status: 1, stdout: '' });
  });
});
