import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { locationOf } from '../cli/volume-options.ts';
import { isLuks } from '../volume/index.ts';

const LUKS2_TYPES = ['luks', 'luks2'];

/** `tscrypt isLuks <device>` */
export default class IsLuks extends ActionCommand {
  static override readonly action = 'isLuks';
  static override readonly keyless = true;
  static override readonly flags = flagsOf('isLuks');
  static override readonly args = argumentsOf('isLuks');

  protected async act(): Promise<number | undefined> {
    const device = this.operand('device');
    const wanted = LUKS2_TYPES.includes(this.options.type ?? 'luks');
    const luks = (await isLuks(locationOf(device, this.options))) && wanted;
    if (this.options.json) this.ui.printJson({ device, luks });
    return luks ? undefined : 1;
  }
}
