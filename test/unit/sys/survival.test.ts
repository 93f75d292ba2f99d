import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { markForShutdown, protectFromOom } from '../../../src/sys/index.ts';

const SCORE = '/proc/self/oom_score_adj';

describe('a process that must live', () => {
  let score: string;
  let title: string;
  beforeEach(() => {
    score = readFileSync(SCORE, 'utf8');
    title = process.title;
  });
  afterEach(() => {
    writeFileSync(SCORE, score);
    process.title = title;
  });

  it('is never chosen when memory runs out, or knows that it may be', () => {
    const done = protectFromOom();
    expect(readFileSync(SCORE, 'utf8').trim()).toBe(done ? '-1000' : score.trim());
  });

  it('has the sign in its command line where others look for it', () => {
    const commandLine = (): string => readFileSync(`/proc/${process.pid}/cmdline`, 'utf8');
    expect(commandLine()).not.toMatch(/^@/);
    expect(markForShutdown('tscryptd root')).toBe(true);
    expect(commandLine()).toMatch(/^@tscryptd root\0/);
  });
});
