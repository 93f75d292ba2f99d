import { ActionCommand } from '../cli/action-command.ts';
import { aborted, confirm } from '../cli/confirm.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { locationOf } from '../cli/volume-options.ts';
import { LuksVolume } from '../volume/index.ts';

/** `tscrypt luksUUID <device> [--uuid <uuid>]` */
export default class LuksUuid extends ActionCommand {
  static override readonly action = 'luksUUID';
  static override readonly keyless = true;
  static override readonly flags = flagsOf('luksUUID');
  static override readonly args = argumentsOf('luksUUID');

  protected async act(): Promise<undefined> {
    const device = this.operand('device');
    const volume = await LuksVolume.load(locationOf(device, this.options));
    const { uuid, json } = this.options;
    if (uuid !== undefined) {
      if (!(await confirm('Do you really want to change UUID of device?', this.ui))) throw aborted();
      await volume.setUuid(uuid);
    }
    if (json) this.ui.printJson({ device, uuid: volume.uuid });
    else if (uuid === undefined) this.ui.print(volume.uuid);
  }
}
