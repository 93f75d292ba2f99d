import { helpEntry, wrap } from '../wrap.ts';
import { DM_COMMAND_NAMES, type DmCommandName, dmCommandSpec } from './commands.ts';
import { DM_OPTION_NAMES, type DmOptionName, dmOptionSpec } from './options.ts';

const WIDTH = 80;
const COLUMN = 38;

/** What `help` says: every command with its operands, in the shape that dmsetup has it. */
export function usageText(program: string): string {
  return [
    'Usage:',
    '',
    program,
    ...GENERAL.map((line) => `        ${line}`),
    '',
    ...DM_COMMAND_NAMES.flatMap((name) =>
      dmCommandSpec(name).usage.map((operands) => `\t${name} ${operands}`),
    ),
    '',
    ...NOTES,
    '',
  ].join('\n');
}

const GENERAL = [
  '[--version] [-h|--help [-c|-C|--columns]] [--json]',
  '[-v|--verbose [-v|--verbose ...]] [-f|--force]',
  '[--checks] [--manglename {none|hex|auto}]',
  '[-r|--readonly] [--noopencount] [--noflush] [--nolockfs] [--inactive]',
  '[--udevcookie <cookie>] [--noudevrules] [--noudevsync] [--verifyudev]',
  '[-y|--yes] [--readahead {[+]<sectors>|auto|none}] [--retry]',
  '[-c|-C|--columns] [-o <fields>] [-O|--sort <sort_fields>]',
  '[-S|--select <selection>] [--nameprefixes] [--noheadings]',
  '[--separator <separator>]',
];

const NOTES = [
  'A <device> is a name or its path /dev/mapper/<name>. In place of one device: -u <uuid>, or',
  '-j <major> -m <minor>.',
  'The <fields> of reports are listed by "help -c"; they are separated by commas.',
  'The devices of <concise_device_spec_list> are separated by semicolons, each of them is',
  '    <name>,<uuid>,<minor>,<ro or rw>,<table line>[,<table line>...]',
  'where <uuid>, <minor> and the word before the table may be empty; a backslash quotes.',
  'A table is read from standard input where none is named.',
  'The <options> of ls and deps: devno, devname, blkdevname. Those of ls --tree: ascii, utf, vt100;',
  'compact, inverted, notrunc; blkdevname, [no]device, active, open, rw, uuid.',
  '"help <command>" explains one command.',
];

/** What `help COMMAND` says. */
export function commandHelp(program: string, name: DmCommandName): string {
  const { usage, summary, description, examples } = dmCommandSpec(name);
  const own = DM_OPTION_NAMES.filter((option) => isFor(option, name));
  const options = DM_OPTION_NAMES.filter((option) => dmOptionSpec(option).commands === 'all');
  return [
    ...usage.map((operands) => `Usage: ${program} ${name} ${operands.replaceAll(/\n\s*/g, ' ')}`.trimEnd()),
    '',
    `${name} - ${summary}`,
    ...description.flatMap((paragraph) => ['', ...wrap(paragraph, WIDTH)]),
    ...(own.length === 0 ? [] : ['', 'Options:', ...own.map(optionEntry)]),
    '',
    'Options of every command:',
    ...options.map(optionEntry),
    ...(examples.length === 0 ? [] : ['', 'Examples:', ...examples.map((example) => `  ${example}`)]),
    '',
    'The exit status is 0, or 1 for every failure.',
  ].join('\n');
}

function isFor(option: DmOptionName, command: DmCommandName): boolean {
  const { commands } = dmOptionSpec(option);
  return commands !== 'all' && commands.includes(command);
}

function optionEntry(name: DmOptionName): string {
  const { short = '', unit, help } = dmOptionSpec(name);
  const shorts = [...short].map((letter) => `-${letter}, `).join('');
  const long = unit === undefined ? `--${name}` : `--${name} ${unit.startsWith('{') ? unit : `<${unit}>`}`;
  const head = shorts === '' ? `      ${long}` : `  ${shorts}${long}`;
  return helpEntry(head, help, COLUMN, WIDTH);
}
