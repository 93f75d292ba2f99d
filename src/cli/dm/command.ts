import type { Ui } from '../ui.ts';
import type { DmCommandName } from './commands.ts';
import type { NameMangling } from './mangle.ts';
import type { DmOptions } from './options.ts';

/** What a command of tsdmsetup gets to work with. The command line is read, the operands are counted. */
export interface DmContext {
  /** The word on the command line; one file may serve several (`load` and `reload`). */
  readonly command: DmCommandName;
  readonly options: DmOptions;
  /** The words behind the command. */
  readonly operands: readonly string[];
  /** Names as people write them and as the kernel has them. */
  readonly names: NameMangling;
  /** Standard output and error. With `--json` only `printJson` may write to standard output, once. */
  readonly ui: Ui;
}

/**
 * A command: the default export of a file in commands/dm. Device addressing is in address.ts, and
 * failure.ts has the errors in dmsetup's words.
 *
 * @returns false when it failed and has said why; the program then says `Command failed.`
 * @throws TscryptError what failed; the program says so
 */
export type DmCommand = (context: DmContext) => Promise<boolean | undefined>;

type Loader = () => Promise<{ readonly default: DmCommand }>;

/** The code of each command, loaded only when the command is asked for. */
export type DmCommandTable = Readonly<Record<DmCommandName, Loader>>;
