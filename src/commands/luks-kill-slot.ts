import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { parseNumber, usageError } from '../cli/flags/values.ts';
import { askBeforeLast, remainingPassphrase, unlocksAny, volumeKeyslots } from '../cli/keyslot-removal.ts';
import { locationOf } from '../cli/volume-options.ts';
import { TscryptError } from '../errors.ts';
import { LuksVolume } from '../volume/index.ts';

/** `tscrypt luksKillSlot <device> <key slot>` */
export default class LuksKillSlot extends ActionCommand {
  static override readonly action = 'luksKillSlot';
  static override readonly flags = flagsOf('luksKillSlot');
  static override readonly args = argumentsOf('luksKillSlot');

  protected async act(): Promise<undefined> {
    const { options, ui } = this;
    const device = this.operand('device');
    const keyslot = parseNumber(this.operand('keyslot'));
    if (keyslot === undefined || keyslot < 0) throw usageError('Key slot is invalid.');
    const volume = await LuksVolume.load(locationOf(device, options));
    const active = volume.activeKeyslots();
    if (!active.includes(keyslot)) throw inactive(keyslot);
    ui.verbose(`Keyslot ${keyslot} is selected for deletion.`);

    await askBeforeLast(volume, keyslot, ui);
    using passphrase = await remainingPassphrase(options, ui);
    // Of a keyslot that stays, so that nobody locks himself out; for the last one, its own will do.
    const remaining = volumeKeyslots(volume).filter((id) => id !== keyslot);
    if (passphrase !== undefined) {
      const candidates = remaining.length > 0 ? remaining : [keyslot];
      const opened = await unlocksAny(volume, candidates, passphrase);
      if (opened === undefined)
        throw new TscryptError('WRONG_PASSPHRASE', 'No key available with this passphrase.');
      ui.verbose(`Key slot ${opened} unlocked.`);
    }
    await volume.removeKeyslot(keyslot);
    ui.verbose(`Key slot ${keyslot} removed.`);
    if (options.json) ui.printJson({ device, keyslot });
  }
}

function inactive(keyslot: number): TscryptError {
  return new TscryptError('NO_SUCH_OBJECT', `Keyslot ${keyslot} is not active.`, { details: { keyslot } });
}
