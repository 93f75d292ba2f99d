// Bundles the programs into dist/programs. Node opens, resolves and links each module on its own, about a
// millisecond apiece: as some two hundred files the programs would need several times as long to start.
// The library stays as the compiler writes it.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'dist/programs');

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  outdir: folder,
  bundle: true,
  write: false,
  metafile: true,
  logLevel: 'warning',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // With binaries of their own, or needed by few actions and loaded by them alone.
  external: ['koffi', 'argon2', 'prompts', 'typescript'],
  legalComments: 'none',
  // For the CommonJS packages. The bundler does not see these names and would let a module's own collide.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
  },
};

const bundles = [
  // Shared chunks, so that each action loads its own part; names say what is in them.
  await build({
    ...common,
    entryPoints: {
      tscrypt: 'src/cli/main.ts',
      actions: 'src/commands/index.ts',
      tsdmsetup: 'src/cli/dm/main.ts',
      'dm-commands': 'src/commands/dm/index.ts',
      'planned-programs': 'src/cli/planned-programs.ts',
    },
    splitting: true,
  }),
  // One file each: a daemon runs for months and must not miss a chunk that an upgrade has taken away.
  await build({ ...common, entryPoints: { tscryptd: 'src/daemon/main.ts' } }),
  await build({ ...common, entryPoints: { 'tscrypt-supervisor': 'src/daemon/supervisor/main.ts' } }),
  // Likewise, for its threads.
  await build({ ...common, entryPoints: { 'queue-thread': 'src/daemon/queues/main.ts' } }),
];

mkdirSync(folder, { recursive: true });
const written = new Set();
/** In one step each: programs may be started while this runs. */
function put(name, content) {
  const path = join(folder, name);
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
  written.add(name);
}
for (const { path, contents } of bundles.flatMap(({ outputFiles }) => outputFiles))
  put(basename(path), contents);
put('LICENSES.txt', licences(bundles.flatMap(({ metafile }) => Object.keys(metafile.inputs))));
for (const name of readdirSync(folder)) if (!written.has(name)) rmSync(join(folder, name));

/** The licences of the packages whose code is in the bundles. */
function licences(inputs) {
  const packages = new Set(
    inputs.flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []),
  );
  return [...packages]
    .sort()
    .map((path) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
      const file = readdirSync(join(root, path)).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? '' : `\n${readFileSync(join(root, path, file), 'utf8').trim()}\n`;
      return `${name} ${version}, ${license}\n${text}`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
