import { symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll } from 'vitest';
import { ROOT } from './tools.ts';

export { DeviceInThread, pool } from './queue-stands.ts';

/**
 * Registers the making of the threads' program for a test file; where it is.
 *
 * @param source the package's own is src/daemon/queues/main.ts
 */
export function threadProgram(source = 'test/suites/queue-thread-program.ts'): { readonly path: string } {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tscrypt-queues-'));
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    await build({
      absWorkingDir: ROOT,
      entryPoints: [source],
      outfile: join(directory, 'queue-thread.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'warning',
      external: ['koffi', 'argon2'],
    });
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  return {
    get path() {
      return join(directory, 'queue-thread.mjs');
    },
  };
}
