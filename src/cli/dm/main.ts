import { TscryptError } from '../../errors.ts';
import { ignoreBrokenPipes, Ui } from '../ui.ts';
import type { DmCommandTable, DmContext } from './command.ts';
import { type DmCommandLine, readDmCommandLine } from './command-line.ts';
import { type DmCommandName, dmCommandSpec, isDmCommand } from './commands.ts';
import { reportFailure } from './failure.ts';
import { type ManglingMode, NameMangling } from './mangle.ts';
import type { DmOptions } from './options.ts';
import { commandHelp, usageText } from './usage.ts';

/**
 * The whole program: reads the command line, answers help from the registries alone, and runs one command; the
 * exit status, which is dmsetup's: 0, or 1 for every failure.
 *
 * @param program how it is called, for messages and usage
 */
export async function main(
  program: string,
  argv: readonly string[],
  commands: DmCommandTable,
): Promise<0 | 1> {
  ignoreBrokenPipes();
  let line: DmCommandLine;
  try {
    line = readDmCommandLine(program, argv);
  } catch (error) {
    // A line that cannot be read may still say how to talk.
    const ui = new Ui({ json: argv.includes('--json') });
    reportFailure(error, ui);
    if (!ui.json) ui.warn("Couldn't process command line.");
    return 1;
  }
  const { options, words } = line;
  const { json = false, verbose = 0 } = options;
  // What -v adds belongs to the output here; a stack trace is for the one who looks for a defect.
  const ui = new Ui({ json, debug: verbose > 2 });
  try {
    const command = chooseCommand(program, words, options, ui);
    if (command === undefined) return 0;
    const operands = options.version ? [] : words.slice(1);
    const { maximum, minimum } = dmCommandSpec(command);
    if ((operands.length < minimum && !options.help) || operands.length > maximum)
      throw new UsageError('Incorrect number of arguments.');
    const names = new NameMangling(manglingMode(options));
    return await run(command, commands, { command, options, operands, names, ui });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (json || error !== NO_COMMAND) reportFailure(error, ui);
    if (!json) ui.warn(usageText(program));
    return 1;
  }
}

/** A command line that makes no sense; the usage is shown after it. */
class UsageError extends TscryptError {
  constructor(message: string) {
    super('INVALID_ARGUMENT', message);
  }
}

/** Of this the usage says enough. */
const NO_COMMAND = new UsageError('A command is missing.');

async function run(name: DmCommandName, commands: DmCommandTable, context: DmContext): Promise<0 | 1> {
  const { ui } = context;
  try {
    const { default: command } = await commands[name]();
    if ((await command(context)) !== false) return 0;
  } catch (error) {
    reportFailure(error, ui);
  }
  if (!ui.json) ui.warn('Command failed.');
  return 1;
}

/**
 * The command that the line asks for; undefined when it asked for help and has got it. `--version` and `--help`
 * come before whatever else stands there.
 *
 * @throws UsageError
 */
function chooseCommand(
  program: string,
  words: readonly string[],
  options: DmOptions,
  ui: Ui,
): DmCommandName | undefined {
  if (options.version) return 'version';
  const [word, subject] = words;
  // dmstats has commands of its own to help with.
  if (options.help && word === 'stats') return word;
  if (word === 'help' && words.length > 2) throw new UsageError('Incorrect number of arguments.');
  if (options.help || word === 'help')
    return chooseHelp(program, word === 'help' ? subject : word, options, ui);
  if (word === undefined) throw NO_COMMAND;
  if (!isDmCommand(word)) throw new UsageError('Unknown command.');
  return word;
}

/** The usage goes to standard error, as dmsetup's does; what was asked for about one command is output. */
function chooseHelp(
  program: string,
  subject: string | undefined,
  options: DmOptions,
  ui: Ui,
): DmCommandName | undefined {
  if (subject !== undefined && !isDmCommand(subject)) throw new UsageError('Unknown command.');
  if (subject !== undefined && subject !== 'help') ui.print(commandHelp(program, subject));
  else {
    ui.warn(usageText(program));
    // The fields of reports are known to the file of that command.
    if (options.columns) return 'help';
  }
  return undefined;
}

function manglingMode({ manglename }: DmOptions): ManglingMode {
  const mode = (manglename ?? process.env.DM_DEFAULT_NAME_MANGLING_MODE)?.toLowerCase();
  return mode === 'none' || mode === 'hex' ? mode : 'auto';
}
