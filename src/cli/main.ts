import { packageVersion } from '../package-layout.ts';
import type { ActionCommand } from './action-command.ts';
import { outcomeText, report } from './failure.ts';
import type { ActionName } from './flags/actions.ts';
import { type CommandLine, readCommandLine, resolveAction, toOclifArgv } from './flags/argv.ts';
import { actionHelp, programHelp, usage } from './help.ts';
import { ignoreBrokenPipes, Ui } from './ui.ts';

type ActionClass = new (argv: string[]) => ActionCommand;

/** The class of each action, loaded only when the action is asked for. */
export type ActionTable = Readonly<Record<ActionName, () => Promise<{ readonly default: ActionClass }>>>;

/**
 * The whole program: reads the command line, answers help and version from the registry alone, and runs one
 * action; the exit code.
 */
export async function main(argv: readonly string[], actions: ActionTable): Promise<number> {
  ignoreBrokenPipes();
  // A line that cannot be read may still say how to talk.
  const early = new Ui({ json: argv.includes('--json'), debug: argv.includes('--debug') });
  let line: CommandLine;
  let action: ActionName;
  try {
    line = readCommandLine(argv);
    if (line.wants !== 'action') return answer(line);
    action = resolveAction(line);
  } catch (error) {
    return report(error, early, { action: argv.find((word) => !word.startsWith('-')) });
  }
  const ui = new Ui({
    json: line.given.has('json'),
    verbose: line.given.has('verbose'),
    debug: line.given.has('debug'),
  });
  try {
    const { default: ActionClass } = await actions[action]();
    const exitCode = await new ActionClass(toOclifArgv(line)).run();
    ui.verbose(outcomeText(exitCode));
    return exitCode;
  } catch (error) {
    const device = action === 'close' || action === 'status' ? undefined : line.operands[0];
    return report(error, ui, { action, device });
  }
}

function answer({ wants, action }: CommandLine): number {
  const ui = new Ui({});
  switch (wants) {
    case 'usage':
      ui.warn(usage());
      break;
    case 'version':
      ui.print(`tscrypt ${packageVersion()} flags: NBD `);
      break;
    default:
      ui.print(action === undefined ? programHelp() : actionHelp(action));
  }
  return 0;
}
