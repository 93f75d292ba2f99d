import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { readPassphrase } from '../cli/passphrase/read.ts';
import { existingPassphrase, newPassphrase, unlock } from '../cli/unlock.ts';
import { keyslotOf, locationOf } from '../cli/volume-options.ts';
import { TscryptError } from '../errors.ts';
import { LuksVolume } from '../volume/index.ts';

/** `tscrypt luksAddKey <device> [<new key file>]` */
export default class LuksAddKey extends ActionCommand {
  static override readonly action = 'luksAddKey';
  static override readonly flags = flagsOf('luksAddKey');
  static override readonly args = argumentsOf('luksAddKey');

  protected async act(): Promise<undefined> {
    const { options, ui } = this;
    const device = this.operand('device');
    const volume = await LuksVolume.load(locationOf(device, options));
    const { existing, fresh } = this.#keyslots();
    // Said before anybody types a passphrase; decided when the header is written.
    if (fresh !== undefined && volume.activeKeyslots().includes(fresh)) throw full(fresh);

    const unlocked = await unlock(
      volume,
      { ...existingPassphrase(options, 'Enter any existing passphrase: '), keyslot: existing },
      options,
      ui,
    );
    using volumeKey = unlocked.volumeKey;
    using passphrase = await readPassphrase(
      newPassphrase(
        options,
        'Enter new passphrase for key slot: ',
        this.operands.keyFile ?? options['new-keyfile'],
      ),
      ui,
    );
    const keyslot = await volume.addKeyslot(volumeKey, passphrase, keyslotOf(options, fresh));
    ui.verbose(`Key slot ${keyslot} created.`);
    if (options.json) ui.printJson({ device, keyslot });
  }

  /** Alone, `--key-slot` names the new keyslot; beside `--new-key-slot`, the existing one. */
  #keyslots(): { existing: number | undefined; fresh: number | undefined } {
    const { 'key-slot': keyslot, 'new-key-slot': fresh } = this.options;
    if (fresh !== undefined || keyslot === undefined) return { existing: keyslot, fresh };
    this.ui.note('WARNING: The --key-slot parameter is used for new keyslot number.');
    return { existing: undefined, fresh: keyslot };
  }
}

function full(keyslot: number): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `Key slot ${keyslot} is full, please select another one.`, {
    details: { keyslot },
  });
}
