import { TscryptError } from '../../errors.ts';
import { ACTIONS, type ActionName, type ActionSpec, findAction, isUnavailableAction } from './actions.ts';
import { findLong, findShort, isAllowed, type OptionName, optionSpec } from './registry.ts';
import { parseValue, usageError } from './values.ts';

/** What a command line asks for, in the one order the parser behind it takes. */
export interface CommandLine {
  /** Answered before anything else, whatever else stands on the line. */
  readonly wants: 'help' | 'usage' | 'version' | 'action';
  readonly action: ActionName | undefined;
  /** The word the user wrote for the action (`luksOpen`). */
  readonly word: string | undefined;
  readonly operands: readonly string[];
  readonly given: ReadonlyMap<OptionName, readonly string[]>;
}

/** Giving these twice is a mistake; of every other option the last one counts. */
const ONCE: readonly OptionName[] = ['key-file', 'volume-key-file'];

const PROGRAM_OPTIONS = {
  '--help': 'help',
  '-?': 'help',
  '--usage': 'usage',
  '--version': 'version',
  '-V': 'version',
} as const;

/**
 * Reads a command line as popt does: options anywhere, before the action too; `--opt=value`,
 * `--opt value`, `-sN`, `-s N`, `-s=N`, `-qv`; `--` ends the options; `-` alone is an operand; no
 * abbreviations. Values are checked here, so that a mistake has one wording wherever it stands.
 *
 * @throws TscryptError INVALID_ARGUMENT, a usage error
 */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const words: string[] = [];
  const given = new Map<OptionName, string[]>();
  let wants: CommandLine['wants'] = 'action';
  const rest = [...argv];
  const take = (option: string): string => {
    const value = rest.shift();
    if (value === undefined) throw usageError(`${option}: missing argument`);
    return value;
  };
  const record = (name: OptionName, option: string, text: string): void => {
    parseValue(optionSpec(name).kind, option, text);
    given.set(name, [...(given.get(name) ?? []), text]);
  };

  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const asked = PROGRAM_OPTIONS[word as keyof typeof PROGRAM_OPTIONS];
    if (word === '--') words.push(...rest.splice(0));
    else if (asked !== undefined) wants = wants === 'action' ? asked : wants;
    else if (word.startsWith('--')) readLong(word, take, record);
    else if (word.startsWith('-') && word !== '-') wants = readShort(word, wants, take, record);
    else words.push(word);
  }
  const [first, ...operands] = words;
  const action = first === undefined ? undefined : findAction(first);
  return { wants, action, word: first, operands, given };
}

type Take = (option: string) => string;
type Record = (name: OptionName, option: string, text: string) => void;

function readLong(word: string, take: Take, record: Record): void {
  const equals = word.indexOf('=');
  const option = equals < 0 ? word : word.slice(0, equals);
  const name = findLong(option.slice(2));
  if (name === undefined) throw usageError(`${option}: unknown option`);
  if (optionSpec(name).kind !== 'boolean')
    record(name, option, equals < 0 ? take(option) : word.slice(equals + 1));
  else if (equals >= 0) throw usageError(`${option}: option does not take an argument`);
  else record(name, option, '');
}

/** A cluster of short options (`-qvs512`); the first that takes a value takes the rest of the word. */
function readShort(
  word: string,
  wants: CommandLine['wants'],
  take: Take,
  record: Record,
): CommandLine['wants'] {
  let asked = wants;
  for (let at = 1; at < word.length; at++) {
    const option = `-${word[at]}`;
    const program = PROGRAM_OPTIONS[option as keyof typeof PROGRAM_OPTIONS];
    if (program !== undefined) {
      asked = asked === 'action' ? program : asked;
      continue;
    }
    const name = findShort(option.slice(1));
    if (name === undefined) throw usageError(`${option}: unknown option`);
    if (optionSpec(name).kind === 'boolean') {
      record(name, option, '');
      continue;
    }
    const value = word.slice(at + 1);
    record(name, option, value === '' ? take(option) : value.replace(/^=/, ''));
    break;
  }
  return asked;
}

/**
 * The action of a line that asks for one, after every check that needs no values: the action exists,
 * it has its operands, and each option is allowed with it.
 *
 * @throws TscryptError INVALID_ARGUMENT, a usage error
 */
export function resolveAction(line: CommandLine): ActionName {
  const { action, word } = line;
  if (word === undefined) throw usageError('Argument <action> missing.');
  if (action === undefined)
    throw usageError(
      isUnavailableAction(word) ? `Action ${word} is not available in this version.` : 'Unknown action.',
    );
  const { minimum, operands, names, repeats = false }: ActionSpec = ACTIONS[action];
  if (line.operands.length < minimum) throw usageError(`${word}: requires ${operands} as arguments`);
  if (!repeats && line.operands.length > names.length) throw tooMany(action, word);
  for (const [name, texts] of line.given) {
    if (!isAllowed(name, action)) throw usageError(`Option --${name} is not allowed with ${action} action.`);
    if (ONCE.includes(name) && texts.length > 1) throw usageError(`Only one --${name} argument is allowed.`);
  }
  return action;
}

function tooMany(action: ActionName, word: string): TscryptError {
  if (action !== 'isLuks') return usageError(`${word}: too many arguments`);
  const message = 'Only one device argument for isLuks operation is supported.';
  return new TscryptError('INVALID_ARGUMENT', message, { details: { exitCode: 4 } });
}

/** The line in the order and spelling that oclif's parser takes: options first, `--`, operands. */
export function toOclifArgv(line: CommandLine): string[] {
  const options = [...line.given].flatMap(([name, texts]) => {
    const last = texts.at(-1) ?? '';
    const { kind, zeroCounts } = optionSpec(name);
    if (!zeroCounts && parseValue(kind, `--${name}`, last) === 0) return [];
    return kind === 'boolean' ? `--${name}` : `--${name}=${last}`;
  });
  return [...options, '--', ...line.operands];
}
