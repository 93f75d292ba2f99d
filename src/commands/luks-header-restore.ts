import { ActionCommand } from '../cli/action-command.ts';
import { aborted, confirm } from '../cli/confirm.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { locationOf, requiredBackupFile } from '../cli/volume-options.ts';
import { TscryptError } from '../errors.ts';
import type { RestorePlan } from '../luks2/index.ts';
import { planHeaderRestore, restoreVolumeHeader, type VolumeLocation } from '../volume/index.ts';

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
    const plan = await planHeaderRestore(location, file).catch((error) => {
      throw incompatible(error, file);
    });
    if (!(await confirm(question(device, plan), this.ui))) throw aborted('Operation aborted.', 1);
    await this.#restore(location, file);
    if (this.options.json) this.ui.printJson({ device, file });
  }

  /** With the old keyslots kept whole until the new ones are; where there is no room for both, without. */
  async #restore(location: VolumeLocation, file: string): Promise<void> {
    try {
      await restoreVolumeHeader(location, file);
    } catch (error) {
      if (!(error instanceof TscryptError) || error.code !== 'NO_SPACE') throw error;
      if (!(await confirm(IN_PLACE, this.ui))) throw aborted('Operation aborted.', 1);
      await restoreVolumeHeader(location, file, { inPlace: true });
    }
  }
}

const IN_PLACE = `There is no room to keep the old keyslots while the new ones are written.
A power failure meanwhile leaves no header until the backup is restored again.`;

function question(device: string, { current, uuidDiffers, currentRequirements }: RestorePlan): string {
  const lines = [
    current
      ? `Device ${device} already contains LUKS2 header. Replacing header will destroy existing keyslots.`
      : `Device ${device} does not contain LUKS2 header. Replacing header can destroy data on that device.`,
  ];
  if (uuidDiffers) lines.push('WARNING: real device header has different UUID than backup!');
  if (currentRequirements.length > 0)
    lines.push(`WARNING: the header on the device has requirements: ${currentRequirements.join(', ')}.`);
  return lines.join('\n');
}

/** What is wrong with the header in a backup is wrong with the file, not with the device. */
function incompatible(error: unknown, file: string): unknown {
  if (!(error instanceof TscryptError) || !/^(NOT_RECOGNISED|INVALID_FORMAT)$/.test(error.code)) return error;
  const message = 'Header backup file does not contain compatible LUKS header.';
  return new TscryptError('INVALID_FORMAT', message, { details: { file }, cause: error });
}
