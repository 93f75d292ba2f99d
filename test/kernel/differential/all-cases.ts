import { readdirSync } from 'node:fs';
import type { Case } from './case.ts';
import { Random } from './random.ts';

interface CasesFile {
  cases(random: Random): Case[];
}

const DIRECTORY = new URL('cases/', import.meta.url);

/** The files in cases/, without their endings. */
export function casesFiles(): string[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -'.ts'.length))
    .sort();
}

/** The cases of one file. @param seed another one makes other cases */
export async function casesOf(file: string, seed = 0): Promise<Case[]> {
  const { cases }: CasesFile = await import(new URL(`${file}.ts`, DIRECTORY).href);
  return cases(new Random(seed + hash(file)));
}

function hash(text: string): number {
  let value = 0;
  for (const char of text) value = (Math.imul(value, 31) + char.charCodeAt(0)) | 0;
  return value;
}
