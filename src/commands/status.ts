import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { statusText } from '../cli/status-text.ts';
import { mappedName } from '../cli/volume-options.ts';
import { findDevice } from '../daemon/devices.ts';

const INACTIVE = 4;

/** `tscrypt status <name>` */
export default class Status extends ActionCommand {
  static override readonly action = 'status';
  static override readonly keyless = true;
  static override readonly flags = flagsOf('status');
  static override readonly args = argumentsOf('status');

  protected async act(): Promise<number | undefined> {
    const name = mappedName(this.operand('name'));
    const info = await findDevice(name);
    if (this.options.json)
      this.ui.printJson(info === undefined ? { name, active: false } : { active: true, ...info });
    else this.ui.print(info === undefined ? `${name} is inactive.` : statusText(info));
    return info === undefined ? INACTIVE : undefined;
  }
}
