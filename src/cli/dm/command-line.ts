import { TscryptError } from '../../errors.ts';
import { optionValue } from './option-values.ts';
import { DM_OPTION_NAMES, type DmOptionName, type DmOptions, dmOptionSpec } from './options.ts';

export interface DmCommandLine {
  /** The command and its operands. */
  readonly words: readonly string[];
  readonly options: DmOptions;
}

/**
 * Reads a command line as getopt_long(3) does for dmsetup: options anywhere; `--option value`, `--option=value`,
 * long options abbreviated as far as they stay unique; `-uVALUE`, `-u VALUE`, `-vy`; `--` ends the options; `-`
 * alone is an operand.
 *
 * @param program how it is called, for messages
 * @throws TscryptError INVALID_ARGUMENT with the message of getopt or of dmsetup
 */
export function readDmCommandLine(program: string, argv: readonly string[]): DmCommandLine {
  const words: string[] = [];
  const given = new Map<DmOptionName, string | number | true>();
  const rest = [...argv];
  const fail = (message: string): never => {
    throw new TscryptError('INVALID_ARGUMENT', `${program}: ${message}`);
  };
  const record = (name: DmOptionName, text: string): void => {
    given.set(name, optionValue(name, text, given.get(name)));
  };

  const long = (word: string): void => {
    const equals = word.indexOf('=');
    const name = findLong(word.slice(2, equals < 0 ? undefined : equals), fail);
    if (takesArgument(name)) {
      const value = equals < 0 ? rest.shift() : word.slice(equals + 1);
      record(name, value ?? fail(`option '--${name}' requires an argument`));
    } else if (equals < 0) record(name, '');
    else fail(`option '--${name}' doesn't allow an argument`);
  };

  const short = (word: string): void => {
    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      const name = findShort(letter) ?? fail(`invalid option -- '${letter}'`);
      if (!takesArgument(name)) {
        record(name, '');
        continue;
      }
      const attached = word.slice(at + 1);
      const value = attached === '' ? rest.shift() : attached;
      record(name, value ?? fail(`option requires an argument -- '${letter}'`));
      return;
    }
  };

  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') words.push(...rest.splice(0));
    else if (word.startsWith('--')) long(word);
    else if (word.startsWith('-') && word !== '-') short(word);
    else words.push(word);
  }
  const options = Object.fromEntries(given) as DmOptions;
  checkTogether(options);
  return { words, options };
}

/** The option with that name, or the only one whose name begins so. */
function findLong(given: string, fail: (message: string) => never): DmOptionName {
  const candidates = DM_OPTION_NAMES.filter((name) => name.startsWith(given));
  const [first, second] = candidates;
  const exact = candidates.find((name) => name === given);
  if (exact !== undefined) return exact;
  if (first === undefined) return fail(`unrecognized option '--${given}'`);
  if (second === undefined) return first;
  const list = candidates.map((name) => ` '--${name}'`).join('');
  return fail(`option '--${given}' is ambiguous; possibilities:${list}`);
}

function findShort(letter: string): DmOptionName | undefined {
  return DM_OPTION_NAMES.find((name) => dmOptionSpec(name).short?.includes(letter));
}

function takesArgument(name: DmOptionName): boolean {
  const { kind } = dmOptionSpec(name);
  return kind === 'text' || kind === 'number';
}

/** What may not stand on a line together, or not alone. */
function checkTogether(options: DmOptions): void {
  const refuse = (message: string): never => {
    throw new TscryptError('INVALID_ARGUMENT', message);
  };
  if ((options.major === undefined) !== (options.minor === undefined))
    refuse('Please specify both major number and minor number.');
  if (options.table !== undefined && options.notable) refuse('--table and --notable are incompatible.');
  if (options.addnodeonresume && options.addnodeoncreate)
    refuse('--addnodeonresume and --addnodeoncreate are incompatible.');
}
