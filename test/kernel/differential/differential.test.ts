import { beforeAll, describe, expect, it } from 'vitest';
import { targetTypes } from '../../../src/dm/index.ts';
import { requires } from '../../suites/requires.ts';
import { casesFiles, casesOf } from './all-cases.ts';
import type { Answers } from './answers.ts';
import type { Case } from './case.ts';
import { firstDifference } from './compare.ts';
import { runHere } from './here.ts';
import { runInLinux } from './kernel.ts';

// DIFFERENTIAL=striped,nested runs these files only; DIFFERENTIAL_SEED=7 makes other cases than usual.
const only = process.env.DIFFERENTIAL?.split(',');
const seed = Number(process.env.DIFFERENTIAL_SEED ?? 0);

const files = casesFiles().filter((file) => only?.includes(file) ?? true);
const byFile = new Map<string, Case[]>();
for (const file of files) byFile.set(file, await casesOf(file, seed));
const all = [...byFile.values()].flat();

describe.skipIf(!requires('uml', 'python3'))('the same cases in Linux and here', () => {
  const linux = new Map<string, Answers>();

  beforeAll(async () => {
    const answers = await runInLinux(all);
    for (const [index, { name }] of all.entries()) linux.set(name, answers[index] ?? []);
  }, 400_000);

  it('are many, each with a name of its own', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    if (!only) expect(all.length).toBeGreaterThanOrEqual(200);
  });

  it.skipIf(!byFile.has('nested'))(
    'are stacks of valid tables over every target, where they are random',
    () => {
      const stacks = byFile.get('nested') ?? [];
      for (const { name, devices } of stacks) {
        expect(linux.get(name)?.slice(0, devices.length)).toEqual(devices.map(() => 'ok'));
      }
      const lines = stacks.flatMap(({ devices }) => devices.flatMap(({ table }) => table));
      expect(new Set(lines.map((line) => line.split(' ')[2]))).toEqual(new Set(targetTypes.keys()));
    },
  );

  for (const [file, cases] of byFile) {
    describe(file, () => {
      for (const one of cases) {
        it(one.name, async () => {
          const difference = firstDifference(one, linux.get(one.name) ?? [], await runHere(one));
          if (difference !== undefined) expect.fail(difference);
        });
      }
    });
  }
});
