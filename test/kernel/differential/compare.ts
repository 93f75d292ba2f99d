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
    if (same(theirs, ours)) continue;
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

function same(linux: Answer | undefined, here: Answer | undefined): boolean {
  if (isFailure(linux) && isFailure(here)) {
    if (!sameText(linux.text, here.text)) return false;
    // A table may ask for what the kernel could have and we have not (a cipher, an IV mode): EOPNOTSUPP here,
    // EINVAL or ENOENT there. The words are the same.
    if (here.text !== undefined && here.errno === 'EOPNOTSUPP') return true;
    return sameErrno(linux.errno, here.errno);
  }
  return isDeepStrictEqual(linux, here);
}

/** A read-only device refuses a write with EROFS here; the kernel's system calls say EPERM or EACCES. */
function sameErrno(linux: string, here: string): boolean {
  return linux === here || (here === 'EROFS' && (linux === 'EPERM' || linux === 'EACCES'));
}

/** What is wrong in detail may follow the kernel's words here, after a colon. */
function sameText(linux: string | undefined, here: string | undefined): boolean {
  return linux === here || (linux !== undefined && here?.startsWith(`${linux}: `) === true);
}
