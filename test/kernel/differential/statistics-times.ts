import type { Answer } from './answers.ts';

/** Columns of a line of `@stats_print` that say how long something took, which is another time each time. */
const TIMES = [4, 8, 10, 11, 12, 13];

/** The answer to `@stats_print` or `@stats_print_clear` without its times; anything else as it is. */
export function withoutTimes(question: string, answer: Answer | undefined): Answer | undefined {
  if (!/words="@stats_print/i.test(question)) return answer;
  if (typeof answer !== 'object' || !('answer' in answer) || typeof answer.answer !== 'string') return answer;
  return { answer: answer.answer.split('\n').map(lineWithoutTimes).join('\n') };
}

function lineWithoutTimes(line: string): string {
  return line
    .split(' ')
    .map((word, column) => (TIMES.includes(column) && /^\d+$/.test(word) ? 'T' : word))
    .join(' ');
}
