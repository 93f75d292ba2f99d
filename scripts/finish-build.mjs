// What the build needs at its end: nothing left over from sources that are gone or that are only in the
// programs' bundles, every program able to start, and the bins executable.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const programs = join(dist, 'programs');

const PROGRAMS = new Set(['daemon/main.ts', 'daemon/supervisor/main.ts', 'daemon/queues/main.ts']);
for (const name of ['cli', 'commands']) rmSync(join(dist, name), { recursive: true, force: true });
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const folder = entry.parentPath ?? entry.path;
  if (!entry.isFile() || folder === programs) continue;
  const file = join(folder, entry.name);
  const source = relative(dist, file).replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
  if (PROGRAMS.has(source) || !existsSync(join(root, 'src', source))) rmSync(file);
}

const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const missing = Object.values(bin).flatMap((path) => {
  const program = join(root, path);
  chmodSync(program, 0o755);
  return [...readFileSync(program, 'utf8').matchAll(/from '(\..*?)'/g)]
    .map((match) => join(dirname(program), match[1]))
    .filter((module) => !existsSync(module));
});
if (missing.length > 0) {
  console.error(`The build is incomplete: ${missing.join(', ')} missing.`);
  process.exit(1);
}
// What the bundler wrote is JavaScript, and every action finds what it imports.
for (const name of ['tscryptd.js', 'tscrypt-supervisor.js', 'queue-thread.js'])
  execFileSync(process.execPath, ['--check', join(programs, name)]);
const { ACTION_TABLE } = await import(join(programs, 'actions.js'));
const { DM_COMMAND_TABLE } = await import(join(programs, 'dm-commands.js'));
for (const load of [...Object.values(ACTION_TABLE), ...Object.values(DM_COMMAND_TABLE)]) await load();
