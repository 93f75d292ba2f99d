import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { readPassphrase } from '../cli/passphrase/read.ts';
import { existingPassphrase, newPassphrase, unlock } from '../cli/unlock.ts';
import { keyslotOf, locationOf } from '../cli/volume-options.ts';
import { LuksVolume } from '../volume/index.ts';

/** `tscrypt luksChangeKey <device> [<new key file>]` */
export default class LuksChangeKey extends ActionCommand {
  static override readonly action = 'luksChangeKey';
  static override readonly flags = flagsOf('luksChangeKey');
  static override readonly args = argumentsOf('luksChangeKey');

  protected async act(): Promise<undefined> {
    const { options, ui } = this;
    const device = this.operand('device');
    const volume = await LuksVolume.load(locationOf(device, options));
    const { 'volume-key-file': _ignored, ...byPassphrase } = options;
    const unlocked = await unlock(
      volume,
      {
        ...existingPassphrase(options, 'Enter passphrase to be changed: '),
        keyslot: options['key-slot'],
        unbound: true,
      },
      byPassphrase,
      ui,
    );
    using _volumeKey = unlocked.volumeKey;
    using passphrase = await readPassphrase(
      newPassphrase(options, 'Enter new passphrase: ', this.operands.keyFile),
      ui,
    );
    const keyslot = await volume.changeKeyslot(unlocked, passphrase, keyslotOf(options, undefined));
    ui.verbose(`Key slot ${keyslot} created.`);
    if (options.json) ui.printJson({ device, keyslot });
  }
}
