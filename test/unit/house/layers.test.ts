import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The rooms from the lowest up; those of one line are neighbours. */
const FLOORS = [
  ['codec', 'sys'],
  ['block', 'crypto'],
  ['table'],
  ['luks2', 'dm'],
  ['export'],
  ['daemon'],
  ['volume'],
  ['cli'],
  ['commands'],
] as const;

const upward = FLOORS.flatMap((floor, level) =>
  floor.flatMap((room) =>
    FLOORS.slice(level + 1)
      .flat()
      .map((above) => [room, above] as const),
  ),
);
const forbidden: (readonly [string, string])[] = [
  ...upward,
  ['block', 'crypto'],
  ['crypto', 'block'],
  ['crypto', 'sys'],
  ['luks2', 'dm'],
  ['dm', 'luks2'],
  ['export', 'dm'],
];
const allowed = [
  ['dm', 'block'],
  ['volume', 'daemon'],
  ['commands', 'cli'],
] as const;
const packages = [
  ['block', 'koffi'],
  ['volume', 'prompts'],
  ['daemon', '@oclif/core'],
] as const;

const house = mkdtempSync(join(tmpdir(), 'tscrypt-house-'));
let report = '';

/** A file in `room` that does nothing but import. */
function fileName(room: string, other: string): string {
  return `src/${room}/imports-${other.replace(/\W/g, '')}.ts`;
}

function build(room: string, other: string, specifier: string): void {
  mkdirSync(join(house, 'src', room), { recursive: true });
  writeFileSync(join(house, fileName(room, other)), `export { x } from '${specifier}';\n`);
}

// The linter looks once at a house made of nothing but such files, under this project's rules.
beforeAll(() => {
  const rules = JSON.parse(readFileSync('biome.json', 'utf8')) as { vcs: object };
  writeFileSync(join(house, 'biome.json'), JSON.stringify({ ...rules, vcs: { enabled: false } }));
  for (const [room, other] of [...forbidden, ...allowed]) build(room, other, `../${other}/index.ts`);
  for (const [room, name] of packages) build(room, name, name);
  const arguments_ = [
    'lint',
    '--only=style/noRestrictedImports',
    '--max-diagnostics=none',
    '--colors=off',
    'src',
  ];
  const { stdout, stderr } = spawnSync(join(process.cwd(), 'node_modules/.bin/biome'), arguments_, {
    cwd: house,
    encoding: 'utf8',
  });
  report = stdout + stderr;
});

afterAll(() => rmSync(house, { recursive: true, force: true }));

describe('imports point downwards only', () => {
  it('in a house whose rooms are these', () => {
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual([...FLOORS.flat()].sort());
  });

  it.each([...forbidden, ...packages])('%s may not import %s', (room, other) => {
    expect(report).toContain(`${fileName(room, other)}:`);
  });

  it.each(allowed)('%s may import %s', (room, below) => {
    expect(report).not.toContain(`${fileName(room, below)}:`);
  });
});
