import type { ArgInput, FlagInput } from '@oclif/core/interfaces';
import { parse } from '@oclif/core/parser';
import { useSecretAllocator } from '../crypto/secret.ts';
import { ACTIONS, type ActionName, type ActionSpec } from './flags/actions.ts';
import { checkOptions } from './flags/checks.ts';
import type { Options } from './flags/registry.ts';
import { Ui } from './ui.ts';

/**
 * What every action is: parsed options and operands, a voice, and an exit code. An action is a file in
 * commands/ with `static action`, `flags` and `args` from the registry, and {@link act}.
 *
 * Of oclif this takes the parser. Its `Command` and its dispatch would bring plugins, manifests and a help of
 * their own, none of which there is here, and which take longer to load than most actions do to run.
 */
export abstract class ActionCommand {
  /** Its entry in the registry of actions. */
  static readonly action: ActionName;
  static readonly flags: FlagInput;
  static readonly args: ArgInput;
  /** It never has a passphrase or key in memory. */
  static readonly keyless: boolean = false;

  readonly #argv: string[];
  protected options: Options = {};
  protected operands: Readonly<Record<string, string | undefined>> = {};
  /** The operands in their order, those that repeat the last one with them. */
  protected words: readonly string[] = [];
  protected ui = new Ui({});

  /** @param argv what oclif's parser takes: options first, `--`, operands */
  constructor(argv: string[]) {
    this.#argv = argv;
  }

  /** Does it. The exit code where it is not 0, and no error is to be shown. */
  protected abstract act(): Promise<number | undefined>;

  async run(): Promise<number> {
    const actionClass = this.constructor as typeof ActionCommand;
    const { repeats = false }: ActionSpec = ACTIONS[actionClass.action];
    const input = { flags: actionClass.flags, args: actionClass.args, strict: !repeats };
    const { flags, args, argv } = await parse(this.#argv, input);
    this.words = argv as string[];
    this.options = flags as Options;
    this.operands = args as typeof this.operands;
    this.ui = new Ui(this.options);
    checkOptions(this.options, actionClass.action);
    if (this.options['test-args']) {
      this.ui.note('No action taken. Invoked with --test-args option.');
      return 0;
    }
    if (!actionClass.keyless) await this.#protect();
    return (await this.act()) ?? 0;
  }

  /** An operand that is always there. */
  protected operand(name: string): string {
    return this.operands[name] ?? '';
  }

  async #protect(): Promise<void> {
    const { protectProcess } = await import('../sys/index.ts');
    for (const shortcoming of protectProcess(useSecretAllocator).shortcomings) this.ui.debug(shortcoming);
  }
}
