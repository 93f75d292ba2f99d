import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { removeKeyslotAsked } from '../cli/keyslot-removal.ts';
import { existingPassphrase, unlock, warnOfKeyFileOperand } from '../cli/unlock.ts';
import { locationOf } from '../cli/volume-options.ts';
import { TscryptError } from '../errors.ts';
import { LuksVolume } from '../volume/index.ts';

/** `tscrypt luksRemoveKey <device> [<key file>]` */
export default class LuksRemoveKey extends ActionCommand {
  static override readonly action = 'luksRemoveKey';
  static override readonly flags = flagsOf('luksRemoveKey');
  static override readonly args = argumentsOf('luksRemoveKey');

  protected async act(): Promise<undefined> {
    const { options, ui } = this;
    const device = this.operand('device');
    const volume = await LuksVolume.load(locationOf(device, options));
    warnOfKeyFileOperand(options, this.operands.keyFile, ui);
    const request = existingPassphrase(options, 'Enter passphrase to be deleted: ', this.operands.keyFile);
    const { 'volume-key-file': _ignored, ...byPassphrase } = options;
    const { keyslot, volumeKey } = await unlock(volume, request, byPassphrase, ui);
    volumeKey.dispose();
    if (keyslot === undefined) throw new TscryptError('INTERNAL', 'a passphrase opened no keyslot');
    ui.verbose(`Keyslot ${keyslot} is selected for deletion.`);
    await removeKeyslotAsked(volume, keyslot, ui);
    if (options.json) ui.printJson({ device, keyslot });
  }
}
