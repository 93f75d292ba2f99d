import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** The rooms from the lowest up; those of one line are neighbours that do not import each other. */
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

/** Whether the linter refuses that a file in `folder` imports `specifier`. */
function refused(folder: string, specifier: string): boolean {
  const { stderr, status } = spawnSync(
    'node_modules/.bin/biome',
    ['lint', '--only=style/noRestrictedImports', `--stdin-file-path=src/${folder}/room.ts`],
    { input: `import { x } from '${specifier}';\nexport const y = x;\n`, encoding: 'utf8' },
  );
  // Of a file on standard input biome says only that it is wrong; what may be wrong is the one rule.
  expect([0, 1], stderr).toContain(status);
  return status === 1;
}

describe('imports point downwards only', () => {
  it('in a house whose rooms are these', () => {
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual([...FLOORS.flat()].sort());
  });

  const upward = FLOORS.flatMap((floor, level) =>
    floor.flatMap((room) => (FLOORS[level + 1] ?? []).map((above) => [room, above] as const)),
  );
  it.each(upward)('%s may not import %s above it', (room, above) => {
    expect(refused(room, `../${above}/index.ts`)).toBe(true);
  });

  it.each([
    ['block', 'crypto'],
    ['crypto', 'block'],
    ['luks2', 'dm'],
    ['dm', 'luks2'],
    ['export', 'dm'],
    ['crypto', 'sys'],
  ])('%s may not import its neighbour %s', (room, neighbour) => {
    expect(refused(room, `../${neighbour}/index.ts`)).toBe(true);
  });

  it.each([
    ['dm', '../block/index.ts'],
    ['volume', '../daemon/index.ts'],
    ['commands', '../cli/ui.ts'],
  ])('%s may import %s below it', (room, below) => {
    expect(refused(room, below)).toBe(false);
  });

  it.each([
    ['block', 'koffi'],
    ['volume', 'prompts'],
    ['daemon', '@oclif/core'],
  ])('%s may not import %s', (room, dependency) => {
    expect(refused(room, dependency)).toBe(true);
  });
});
