import { ActionCommand } from '../cli/action-command.ts';
import { daemonsText, restartedText } from '../cli/daemons-text.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { usageError } from '../cli/flags/values.ts';
import { mappedName } from '../cli/volume-options.ts';
import { daemonsInfo, restartDaemons } from '../daemon/daemons.ts';

/** `tscrypt daemon status`, `tscrypt daemon restart [<name> …]` */
export default class Daemon extends ActionCommand {
  static override readonly action = 'daemon';
  static override readonly keyless = true;
  static override readonly flags = flagsOf('daemon');
  static override readonly args = argumentsOf('daemon');

  protected async act(): Promise<undefined> {
    const [operation, ...names] = this.words;
    switch (operation) {
      case 'status':
        if (names.length > 0) throw usageError('daemon status: takes no names');
        if (this.options.force) throw usageError('Option --force is not allowed with daemon status.');
        await this.#status();
        break;
      case 'restart':
        await this.#restart(names.map(mappedName));
        break;
      default:
        throw usageError(`daemon: unknown operation ${operation}`);
    }
  }

  async #status(): Promise<void> {
    const info = await daemonsInfo();
    if (this.options.json) this.ui.printJson(info);
    else this.ui.print(daemonsText(info));
  }

  async #restart(names: readonly string[]): Promise<void> {
    const restarted = await restartDaemons(names, { force: this.options.force ?? false });
    if (this.options.json) this.ui.printJson(restarted);
    else if (restarted.length > 0) this.ui.print(restartedText(restarted));
  }
}
