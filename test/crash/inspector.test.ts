import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { ROOT } from '../suites/tools.ts';

/** Sends itself the signal at which Node opens its inspector, and tells whether it did within a second. */
const script = (protect: string) => `
  import { url } from 'node:inspector';
  import { useSecretAllocator } from ${JSON.stringify(join(ROOT, 'dist/crypto/secret.js'))};
  import { protectProcess } from ${JSON.stringify(join(ROOT, 'dist/sys/index.js'))};
  ${protect}
  process.kill(process.pid, 'SIGUSR1');
  for (let i = 0; i < 100 && url() === undefined; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  console.log(url() === undefined ? 'closed' : 'open');
  process.exit();
`;

const run = (protect: string): string =>
  spawnSync(process.execPath, ['--inspect-port=0', '--input-type=module', '-e', script(protect)], {
    encoding: 'utf8',
  }).stdout.trim();

describe.skipIf(!requires('build'))('a process that handles keys', () => {
  it('opens its memory to no debugger when it is sent SIGUSR1', () => {
    expect(run('protectProcess(useSecretAllocator);')).toBe('closed');
  });

  it('would do so unprotected', () => {
    expect(run('void [protectProcess, useSecretAllocator];')).toBe('open');
  });
});
