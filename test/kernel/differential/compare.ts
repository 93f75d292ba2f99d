import { isDeepStrictEqual } from 'node:util';
import { type Answer, type Answers, isFailure, questions } from './answers.ts';
import type { Case } from './case.ts';
import { withoutTimes } from './statistics-times.ts';

/** What differs first, for people; undefined when every answer is the same. */
export function firstDifference(one: Case, linux: Answers, here: Answers): string | undefined {
  const asked = questions(one);
  for (let i = 0; i < Math.max(asked.length, linux.length, here.length); i++) {
    const question = asked[i] ?? 'nothing';
    const [theirs, ours] = [withoutTimes(question, linux[i]), withoutTimes(question, here[i])];
    if (same(theirs, ours, one) || flushedAtLast(question, theirs, ours, one)) continue;
    return [question, ...sides(theirs, ours)].join('\n');
  }
  return undefined;
}

function sides(linux: Answer | undefined, here: Answer | undefined): string[] {
  if (!Array.isArray(linux) || !Array.isArray(here)) {
    return [`  Linux: ${JSON.stringify(linux)}`, `  here:  ${JSON.stringify(here)}`];
  }
  const length = Math.max(linux.length, here.length);
  const differing = Array.from({ length }, (_, index) => index).filter(
    (index) => linux[index] !== here[index],
  );
  return differing
    .slice(0, 4)
    .flatMap((index) => [`  Linux [${index}]: ${linux[index]}`, `  here  [${index}]: ${here[index]}`]);
}

function same(linux: Answer | undefined, here: Answer | undefined, one: Case): boolean {
  // No disk is below, and the kernel never asks the targets; here some of them fail a flush, like dust.
  if (linux === 'ok, no cache') return here === 'ok' || (isFailure(here) && here.errno === 'EIO');
  if (isFailure(linux) && isFailure(here)) {
    if (!sameText(linux.text, here.text)) return false;
    // A table may ask for what the kernel could have and we have not (a cipher, an IV mode): EOPNOTSUPP here,
    // EINVAL or ENOENT there. The words are the same.
    if (here.text !== undefined && here.errno === 'EOPNOTSUPP') return true;
    return sameErrno(linux.errno, here.errno);
  }
  if (isInfo(linux) && isInfo(here) && uses(one, ['striped'])) {
    // Each failure of a stripe raises an event here; the kernel raises one for those that come close together.
    const events = { eventNumber: Math.min(1, here.eventNumber) };
    return isDeepStrictEqual(
      { ...linux, eventNumber: Math.min(1, linux.eventNumber) },
      { ...here, ...events },
    );
  }
  if (isLimits(linux) && isLimits(here)) return sameLimits(linux, here);
  return isDeepStrictEqual(linux, here);
}

/** Taking a device away flushes it here; Linux drops flushes to switch and unstriped, whatever they lead to. */
function flushedAtLast(
  question: string,
  linux: Answer | undefined,
  here: Answer | undefined,
  one: Case,
): boolean {
  if (!question.startsWith('remove ') || linux !== 'ok' || !isFailure(here)) return false;
  return here.errno === 'EIO' && uses(one, ['switch', 'unstriped']);
}

/**
 * What limits say differently here: a common multiple of 2^32 and more wraps in the kernel and is no multiple
 * of anything, here it is unknown; of blocks below that do not line up the kernel says -1.
 */
function sameLimits(linux: LimitsAnswer, here: LimitsAnswer): boolean {
  const wrapped = here.optimal_io_size === 0 && linux.optimal_io_size % linux.minimum_io_size !== 0;
  return isDeepStrictEqual(
    {
      ...linux,
      optimal_io_size: wrapped ? 0 : linux.optimal_io_size,
      alignment_offset: linux.alignment_offset === -1 ? here.alignment_offset : linux.alignment_offset,
    },
    { ...here },
  );
}

interface LimitsAnswer {
  readonly minimum_io_size: number;
  readonly optimal_io_size: number;
  readonly alignment_offset: number;
}

function isLimits(answer: Answer | undefined): answer is LimitsAnswer & Record<string, unknown> {
  return typeof answer === 'object' && 'optimal_io_size' in answer;
}

interface InfoAnswer {
  readonly eventNumber: number;
}

function isInfo(answer: Answer | undefined): answer is InfoAnswer & Record<string, unknown> {
  return typeof answer === 'object' && 'eventNumber' in answer;
}

/** Whether any table of the case has a target of these. */
function uses({ devices, steps }: Case, kinds: readonly string[]): boolean {
  const tables = [...devices, ...steps].flatMap((each) => ('table' in each ? each.table : []));
  return tables.some((line) => kinds.includes(line.split(' ')[2] ?? ''));
}

/** A read-only device refuses a write with EROFS here; the kernel's system calls say EPERM or EACCES. */
function sameErrno(linux: string, here: string): boolean {
  return linux === here || (here === 'EROFS' && (linux === 'EPERM' || linux === 'EACCES'));
}

/** What is wrong in detail may follow the kernel's words here, after a colon. */
function sameText(linux: string | undefined, here: string | undefined): boolean {
  return linux === here || (linux !== undefined && here?.startsWith(`${linux}: `) === true);
}
