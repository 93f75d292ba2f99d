import type { Case, Step } from './case.ts';

/**
 * What a case answered, in this order: making each device, each step, waking each device that is suspended in
 * the end, the content of each mapped device from the top down, taking each away from the top down, the
 * content of each disk.
 */
export type Answers = readonly Answer[];

/**
 * `ok`, a read's fingerprint, lines, …; {@link Failure} where it failed. Or why a step was not taken:
 * `held` (a suspended device would have kept the request until its resume), `outside` (the request goes past
 * the device's end, where the kernel's system calls shorten it), `no table`. The kernel's
 * side says `ok, no cache` of a flush that no target has met.
 */
export type Answer = string | Failure | readonly string[] | { readonly [field: string]: unknown };

export interface Failure {
  readonly errno: string;
  /** Why a table was refused. */
  readonly text?: string;
}

export function isFailure(answer: Answer | undefined): answer is Failure & Record<string, unknown> {
  return typeof answer === 'object' && 'errno' in answer;
}

/** What each answer of a case is the answer to. */
export function questions(one: Case): string[] {
  const names = one.devices.map(({ name }) => name);
  const top = names.at(-1) ?? '';
  const down = names.toReversed();
  return [
    ...one.devices.map(({ name, table }) => `create ${name}: ${table.join('; ')}`),
    ...one.steps.map((step, index) => `step ${index}: ${describe(step, top)}`),
    ...names.map((name) => `wake ${name}`),
    ...down.map((name) => `content of ${name}`),
    ...down.map((name) => `remove ${name}`),
    ...one.disks.map((_, index) => `content of disk {${String.fromCharCode('a'.charCodeAt(0) + index)}}`),
  ];
}

function describe(step: Step, top: string): string {
  const { device = top, do: verb, ...rest } = step;
  const words = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [verb, device, ...words].join(' ');
}
