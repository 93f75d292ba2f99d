import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TscryptError } from './errors.ts';

/**
 * Where this package keeps what it looks for at run time. The one place that knows: the same code runs from
 * `src/`, from the library in `dist/` and from the bundles in `dist/programs/`.
 */
const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, basename(HERE) === 'programs' ? '../..' : '..');

/**
 * The daemon's program, which only the build makes.
 *
 * @throws TscryptError INTERNAL if it is not there
 */
export function daemonProgram(): string {
  return program('tscryptd.js');
}

/**
 * The supervisor's program, likewise.
 *
 * @throws TscryptError INTERNAL if it is not there
 */
export function supervisorProgram(): string {
  return program('tscrypt-supervisor.js');
}

/**
 * The program of the daemon's queue threads, likewise.
 *
 * @throws TscryptError INTERNAL if it is not there
 */
export function queueThreadProgram(): string {
  return program('queue-thread.js');
}

function program(name: string): string {
  const path = join(ROOT, 'dist/programs', name);
  if (existsSync(path)) return path;
  throw new TscryptError('INTERNAL', `The program ${name} is missing.`, { hint: 'Run: npm run build' });
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
}
