import { ActionCommand } from '../cli/action-command.ts';
import { aborted, confirm } from '../cli/confirm.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { existingPassphrase, triesOf, unlock } from '../cli/unlock.ts';
import { printVolumeKey, storeVolumeKey, volumeKeyTitle } from '../cli/volume-key-dump.ts';
import { locationOf } from '../cli/volume-options.ts';
import { LuksVolume } from '../volume/index.ts';

/** `tscrypt luksDump <device>` */
export default class LuksDump extends ActionCommand {
  static override readonly action = 'luksDump';
  static override readonly flags = flagsOf('luksDump');
  static override readonly args = argumentsOf('luksDump');

  protected async act(): Promise<undefined> {
    const volume = await LuksVolume.load(locationOf(this.operand('device'), this.options));
    if (this.options['dump-volume-key']) await this.#dumpKey(volume);
    else if (this.options['dump-json-metadata']) this.ui.print(volume.dumpJson());
    else if (this.options.json) this.#printJson(volume);
    else this.ui.print(volume.dumpText());
  }

  #printJson({ header }: LuksVolume): void {
    const { uuid, label, subsystem, metadata } = header;
    this.ui.printJson({ device: this.operand('device'), version: 2, uuid, label, subsystem, metadata });
  }

  async #dumpKey(volume: LuksVolume): Promise<void> {
    const { options, ui } = this;
    const device = this.operand('device');
    if (!(await confirm(WARNING, ui))) throw aborted();
    // Here the option names the file the key goes to, not one it comes from.
    const { 'volume-key-file': file, ...byPassphrase } = options;
    const request = {
      ...existingPassphrase(options, `Enter passphrase for ${device}: `),
      keyslot: options['key-slot'],
      tries: triesOf(options),
    };
    const unlocked = await unlock(volume, request, byPassphrase, ui);
    using volumeKey = unlocked.volumeKey;
    if (file !== undefined) await storeVolumeKey(file, volumeKey);
    if (options.json) return ui.printJson({ device, uuid: volume.uuid, keyslot: unlocked.keyslot, file });
    ui.print(volumeKeyTitle(device, volume.header, volumeKey.length));
    if (file === undefined) printVolumeKey(volumeKey);
    else ui.print(`Key stored to file ${file}.`);
  }
}

const WARNING = `The header dump with volume key is sensitive information
that allows access to encrypted partition without a passphrase.
This dump should be stored encrypted in a safe place.`;
