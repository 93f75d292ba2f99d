import { refusal } from './failure.ts';
import { type DmOptionName, dmOptionSpec } from './options.ts';

/**
 * The value of an option, checked as dmsetup checks it when it meets the option.
 *
 * @param before its value so far, where it is given again
 * @throws TscryptError INVALID_ARGUMENT
 */
export function optionValue(
  name: DmOptionName,
  text: string,
  before: string | number | true | undefined,
): string | number | true {
  CHECKS[name]?.(text);
  switch (dmOptionSpec(name).kind) {
    case 'flag':
      return true;
    case 'count':
      return typeof before === 'number' ? before + 1 : 1;
    case 'text':
      return text;
    case 'number':
      return number(name, text);
  }
}

const CHECKS: Partial<Record<DmOptionName, (text: string) => void>> = {
  count: (text) => {
    if (!isWhole(text) || Number(text) < 0) throw refusal('Count must be zero or greater.');
  },
  interval: (text) => {
    if (!isWhole(text) || Number(text) <= 0) throw refusal('Interval must be a positive integer.');
  },
  manglename: (text) => {
    if (!/^(none|hex|auto)$/i.test(text)) throw refusal('Unknown name mangling mode.');
  },
  mode: (text) => {
    if (!/^[0-7]+$/.test(text)) throw refusal(`Invalid argument for --mode: ${text}. `);
  },
  readahead: (text) => {
    if (/^\s*-\d/.test(text))
      throw refusal(`Negative read ahead value (${Number.parseInt(text, 10)}) is not understood.`);
  },
};

/** dmsetup takes what is no number for 0, which could be some other device's. */
function number(name: DmOptionName, text: string): number {
  if (!isWhole(text)) throw refusal(`Invalid number "${text}" for --${name}.`);
  return Number(text);
}

function isWhole(text: string): boolean {
  return /^\s*[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text));
}
