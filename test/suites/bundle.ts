import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll } from 'vitest';
import { ROOT } from './tools.ts';

/**
 * A program of the tests as one file of JavaScript, for a process or kernel of its own, while the tests of the enclosing
 * `describe` (or file) run. It lies where Node finds the packages that it cannot hold.
 *
 * @param entry path from the repository's root
 * @returns `path`, for use inside tests and hooks
 */
export function bundle(entry: string): { readonly path: string } {
  const directory = join(ROOT, 'node_modules/.cache/tscrypt-tests');
  const path = join(directory, `${entry.replaceAll('/', '-')}.${process.pid}.mjs`);
  beforeAll(async () => {
    mkdirSync(directory, { recursive: true });
    await build({
      absWorkingDir: ROOT,
      entryPoints: [entry],
      outfile: path,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: ['koffi'],
      logLevel: 'error',
    });
  });
  afterAll(() => rmSync(path, { force: true }));
  return { path };
}
