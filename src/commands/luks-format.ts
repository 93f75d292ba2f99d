import { existsSync } from 'node:fs';
import { ActionCommand } from '../cli/action-command.ts';
import { aborted, confirm } from '../cli/confirm.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { readPassphrase } from '../cli/passphrase/read.ts';
import { existingPassphrase, readVolumeKeyFile, verifyWanted, warnOfKeyFileOperand } from '../cli/unlock.ts';
import { formatOf, locationOf } from '../cli/volume-options.ts';
import { TscryptError } from '../errors.ts';
import { LuksVolume, signatureOf, type VolumeLocation } from '../volume/index.ts';

/** `tscrypt luksFormat <device> [<new key file>]` */
export default class LuksFormat extends ActionCommand {
  static override readonly action = 'luksFormat';
  static override readonly flags = flagsOf('luksFormat');
  static override readonly args = argumentsOf('luksFormat');

  protected async act(): Promise<undefined> {
    const { options, ui } = this;
    const device = this.operand('device');
    const location = locationOf(device, options);
    warnOfKeyFileOperand(options, this.operands.keyFile, ui);

    await this.#confirm(location);
    const request = existingPassphrase(options, `Enter passphrase for ${device}: `, this.operands.keyFile);
    const verify = verifyWanted(options, request.keyFile);
    using passphrase = await readPassphrase({ ...request, verify }, ui);
    using volumeKey = await this.#givenVolumeKey();
    const { volume, noRoomForData } = await LuksVolume.format(
      location,
      { ...formatOf(options), volumeKey },
      passphrase,
    );
    for (const keyslot of volume.activeKeyslots()) ui.verbose(`Key slot ${keyslot} created.`);
    if (noRoomForData)
      ui.warn(`Device ${device} is too small for activation, there is no remaining space for data.`);
    if (options.json) ui.printJson({ device, uuid: volume.uuid, keyslots: volume.activeKeyslots() });
  }

  async #confirm(location: VolumeLocation): Promise<void> {
    const { header } = location;
    const found = await this.#signature(location.device);
    if (header !== undefined && !existsSync(header)) {
      if (await confirm('Header file does not exist, do you want to create it?', this.ui)) return;
      throw aborted();
    }
    const target = header ?? location.device;
    const signature = header === undefined ? found : await this.#signature(header);
    if (signature !== undefined && !this.options['disable-blkid']) {
      this.ui.note(
        this.ui.batch
          ? `Existing '${signature}' superblock signature on device ${target} will be wiped.`
          : `WARNING: Device ${target} already contains a '${signature}' superblock signature.`,
      );
    }
    if (!(await confirm(`This will overwrite data on ${target} irrevocably.`, this.ui)))
      throw aborted('Operation aborted.', 1);
  }

  /** Also finds a missing device out before anybody is asked for a passphrase. */
  async #signature(device: string): Promise<string | undefined> {
    try {
      return await signatureOf({ device, disableLocks: this.options['disable-locks'] });
    } catch (error) {
      if (error instanceof TscryptError && error.code === 'DEVICE_TOO_SMALL') return undefined;
      throw error;
    }
  }

  async #givenVolumeKey() {
    const file = this.options['volume-key-file'];
    if (file === undefined) return undefined;
    const { cipher, 'key-size': bits } = this.options;
    const xts = cipher === undefined || /-xts|^capi:xts/.test(cipher);
    return readVolumeKeyFile(file, bits === undefined ? (xts ? 64 : 32) : bits / 8);
  }
}
