import { beforeAll, describe, expect, it } from 'vitest';
import { targetTypes } from '../../../src/dm/index.ts';
import { requires } from '../../suites/requires.ts';
import { casesFiles, casesOf } from './all-cases.ts';
import type { Answers } from './answers.ts';
import type { Case } from './case.ts';
import { firstDifference } from './compare.ts';
import { runHere } from './here.ts';
import { runInLinux } from './kernel.ts';
import { mutants } from './mutants.ts';

/** Which cases have to find the mutants of a type: those of its file. */
const FILES: Readonly<Record<string, string>> = { error: 'zero-error' };
const fileOf = (type: string): string => FILES[type] ?? type;

describe.skipIf(!requires('uml', 'python3'))('the bench itself', () => {
  const files = [...new Set(mutants.map(({ type }) => fileOf(type)))];
  const cases = new Map<string, readonly Case[]>();
  const linux = new Map<string, Answers>();

  beforeAll(async () => {
    for (const file of files) cases.set(file, await casesOf(file));
    const all = [...cases.values()].flat();
    const answers = await runInLinux(all);
    for (const [index, { name }] of all.entries()) linux.set(name, answers[index] ?? []);
  }, 400_000);

  /** The first case of a type that differs, and how. */
  const differing = async (type: string, types = targetTypes): Promise<string | undefined> => {
    for (const one of cases.get(fileOf(type)) ?? []) {
      const here = await runHere(one, { targetTypes: types });
      const difference = firstDifference(one, linux.get(one.name) ?? [], here);
      if (difference !== undefined) return `${one.name}\n${difference}`;
    }
    return undefined;
  };

  for (const { name, type, broken } of mutants) {
    it(`finds a ${type} that ${name}`, async () => {
      expect(await differing(type, new Map([...targetTypes, [type, broken]]))).toBeDefined();
    });
  }

  for (const type of new Set(mutants.map((mutant) => mutant.type))) {
    it(`finds nothing in ${type} as it is`, async () => {
      expect(await differing(type)).toBeUndefined();
    });
  }

  it('has cases for every target', () => {
    for (const type of targetTypes.keys()) {
      const own = ['zero', 'error'].includes(type) ? 'zero-error' : type;
      expect(casesFiles()).toContain(own);
    }
  });
});
