// What the build needs after the compiler: nothing left over from sources that are gone, every program
// able to start, and the bins executable.
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = join(entry.parentPath ?? entry.path, entry.name);
  const source = join(root, 'src', relative(dist, file).replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts'));
  if (!existsSync(source)) rmSync(file);
}

const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const missing = Object.values(bin).flatMap((path) => {
  const program = join(root, path);
  chmodSync(program, 0o755);
  return [...readFileSync(program, 'utf8').matchAll(/from '(\..*?)'/g)]
    .map((match) => join(dirname(program), match[1]))
    .filter((module) => !existsSync(module));
});
if (!existsSync(join(dist, 'daemon/main.js'))) missing.push(join(dist, 'daemon/main.js'));
if (missing.length > 0) {
  console.error(`The build is incomplete: ${missing.join(', ')} missing.`);
  process.exit(1);
}
