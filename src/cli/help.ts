import { ACTION_NAMES, ACTIONS, type ActionName, type ActionSpec } from './flags/actions.ts';
import { isAllowed, OPTION_NAMES, type OptionName, type OptionSpec, optionSpec } from './flags/registry.ts';
import { helpEntry, wrap } from './wrap.ts';

const WIDTH = 80;
const COLUMN = 38;

/** `--help` without an action: every option and action. */
export function programHelp(): string {
  return [
    'Usage: tscrypt [OPTION...] <action> <action-specific>',
    '',
    'Help options:',
    ...GENERAL.map(([names, help]) => entry(names, help)),
    '',
    'Options:',
    ...OPTION_NAMES.map(optionEntry),
    '',
    '<action> is one of:',
    ...ACTION_NAMES.map((name) => `\t${withOperands(name)} - ${ACTIONS[name].summary}`),
    '',
    'You can also use old <action> syntax aliases:',
    ...ACTION_NAMES.flatMap((name) => {
      const aliases: readonly string[] = ACTIONS[name].aliases;
      return aliases.length === 0 ? [] : [`\t${name}: ${aliases.join(', ')}`];
    }),
    '',
    '<name> is the name of the mapped device, exported over NBD',
    '<device> is the encrypted device: a file, a disk, or an NBD URI',
    '<key slot> is the LUKS key slot number to modify',
    '<key file> optional key file for the new key for luksAddKey action',
    '',
    '"tscrypt <action> --help" explains one action and its options.',
    '"tscrypt dm <command>" is tsdmsetup, which maps devices as dmsetup does (ours).',
    '',
    'Default compiled-in metadata format is LUKS2 (for luksFormat action).',
    'Default PBKDF for LUKS2: argon2id',
    '\tIteration time: 2000, Memory required: 1048576kB, Parallel threads: 4',
    'Default cipher for LUKS: aes-xts-plain64, Key: 512 bits, header hashing: sha256',
    'Maximum keyfile size: 8192kB, Maximum interactive passphrase length 512 (characters)',
  ].join('\n');
}

function withOperands(action: ActionName): string {
  const { operands } = ACTIONS[action];
  return operands === '' ? action : `${action} ${operands}`;
}

/** `<action> --help`: the page of one action. */
export function actionHelp(action: ActionName): string {
  const spec: ActionSpec = ACTIONS[action];
  return [
    `Usage: tscrypt [OPTION...] ${withOperands(action)}`,
    '',
    `${action} - ${spec.summary}`,
    ...(spec.aliases.length === 0 ? [] : [`Also: ${spec.aliases.join(', ')}`]),
    ...spec.description.flatMap((paragraph) => ['', ...wrap(paragraph, WIDTH)]),
    '',
    'Options:',
    ...OPTION_NAMES.filter((name) => isAllowed(name, action)).map(optionEntry),
    '',
    'Examples:',
    ...spec.examples.map((example) => `  ${example}`),
    '',
    'Exit codes: 0 success, 1 wrong parameters, 2 no permission or bad passphrase,',
    '3 out of memory, 4 wrong device, 5 device exists or is busy.',
  ].join('\n');
}

/** `--usage`: every option, briefly. */
export function usage(): string {
  const words = [
    ...GENERAL.map(([names]) => `[${names.replace(', ', '|')}]`),
    ...OPTION_NAMES.map((name) => `[${names(name, '|')}]`),
    '[OPTION...]',
    '<action>',
    '<action-specific>',
  ];
  return wrap(`Usage: tscrypt ${words.join(' ')}`, WIDTH).join('\n        ');
}

const GENERAL = [
  ['-?, --help', 'Show this help message'],
  ['--usage', 'Display brief usage'],
  ['-V, --version', 'Print package version'],
] as const;

function names(name: OptionName, separator: string): string {
  const { short, unit }: OptionSpec = optionSpec(name);
  const long = unit === undefined ? `--${name}` : `--${name}=${unit}`;
  return short === undefined ? long : `-${short}${separator}${long}`;
}

function optionEntry(name: OptionName): string {
  return entry(names(name, ', '), optionSpec(name).help);
}

function entry(left: string, help: string): string {
  const head = left.startsWith('--') ? `      ${left}` : `  ${left}`;
  return helpEntry(head, help, COLUMN, WIDTH);
}
