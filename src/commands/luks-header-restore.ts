import { ActionCommand } from '../cli/action-command.ts';
import { aborted, confirm } from '../cli/confirm.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { locationOf, requiredBackupFile } from '../cli/volume-options.ts';
import { planHeaderRestore, restoreVolumeHeader } from '../volume/index.ts';

/** `tscrypt luksHeaderRestore <device> --header-backup-file <file>` */
export default class LuksHeaderRestore extends ActionCommand {
  static override readonly action = 'luksHeaderRestore';
  static override readonly keyless = true;
  static override readonly flags = flagsOf('luksHeaderRestore');
  static override readonly args = argumentsOf('luksHeaderRestore');

  protected async act(): Promise<undefined> {
    const device = this.operand('device');
    const file = requiredBackupFile(this.options);
    const location = locationOf(device, this.options);
    const { current, uuidDiffers } = await planHeaderRestore(location, file);
    const question = current
      ? `Device ${device} already contains LUKS2 header. Replacing header will destroy existing keyslots.`
      : `Device ${device} does not contain LUKS2 header. Replacing header can destroy data on that device.`;
    const warning = uuidDiffers ? '\nWARNING: real device header has different UUID than backup!' : '';
    if (!(await confirm(question + warning, this.ui))) throw aborted('Operation aborted.', 1);
    await restoreVolumeHeader(location, file);
    if (this.options.json) this.ui.printJson({ device, file });
  }
}
