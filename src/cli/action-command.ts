import { Command } from '@oclif/core/command';
import { parse } from '@oclif/core/parser';
import { useSecretAllocator } from '../crypto/index.ts';
import type { ActionName } from './flags/actions.ts';
import { checkOptions } from './flags/checks.ts';
import type { Options } from './flags/registry.ts';
import { Ui } from './ui.ts';

/**
 * What every action is: parsed options and operands, a voice, and an exit code. An action is a file in
 * commands/ with `static action`, `flags` and `args` from the registry, and {@link act}.
 */
export abstract class ActionCommand extends Command {
  /** Its entry in the registry of actions. */
  static readonly action: ActionName;
  /** It never has a passphrase or key in memory. */
  static readonly keyless: boolean = false;

  protected options: Options = {};
  protected operands: Readonly<Record<string, string | undefined>> = {};
  protected ui = new Ui({});

  /** Does it. The exit code where it is not 0, and no error is to be shown. */
  protected abstract act(): Promise<number | undefined>;

  override async run(): Promise<number> {
    const actionClass = this.ctor as unknown as typeof ActionCommand;
    // The parser alone: Command.parse() would run the hooks of plugins, which this program has none of.
    const input = { flags: actionClass.flags, args: actionClass.args, strict: true };
    const { flags, args } = await parse(this.argv, input);
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
