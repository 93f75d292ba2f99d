import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { locationOf, requiredBackupFile } from '../cli/volume-options.ts';
import { LuksVolume } from '../volume/index.ts';

/** `tscrypt luksHeaderBackup <device> --header-backup-file <file>` */
export default class LuksHeaderBackup extends ActionCommand {
  static override readonly action = 'luksHeaderBackup';
  static override readonly keyless = true;
  static override readonly flags = flagsOf('luksHeaderBackup');
  static override readonly args = argumentsOf('luksHeaderBackup');

  protected async act(): Promise<undefined> {
    const file = requiredBackupFile(this.options);
    const volume = await LuksVolume.load(locationOf(this.operand('device'), this.options));
    await volume.backupHeader(file);
    if (this.options.json) this.ui.printJson({ device: this.operand('device'), file, uuid: volume.uuid });
  }
}
