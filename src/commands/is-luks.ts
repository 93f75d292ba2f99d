import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { locationOf } from '../cli/volume-options.ts';
import { luksVersion } from '../volume/index.ts';

/** `tscrypt isLuks <device>` */
export default class IsLuks extends ActionCommand {
  static override readonly action = 'isLuks';
  static override readonly keyless = true;
  static override readonly flags = flagsOf('isLuks');
  static override readonly args = argumentsOf('isLuks');

  protected async act(): Promise<number | undefined> {
    const device = this.operand('device');
    const version = await luksVersion(locationOf(device, this.options));
    const { type = 'luks' } = this.options;
    const luks = version !== undefined && (type === 'luks' || type === `luks${version}`);
    if (this.options.json) this.ui.printJson({ device, luks, ...(version !== undefined && { version }) });
    return luks ? undefined : 1;
  }
}
