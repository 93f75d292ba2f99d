import { ActionCommand } from '../cli/action-command.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { mappedName } from '../cli/volume-options.ts';
import { closeDevice } from '../daemon/devices.ts';

/** `tscrypt close <name>` */
export default class Close extends ActionCommand {
  static override readonly action = 'close';
  static override readonly keyless = true;
  static override readonly flags = flagsOf('close');
  static override readonly args = argumentsOf('close');

  protected async act(): Promise<undefined> {
    const { deferred = false, force = false, 'cancel-deferred': cancelDeferred = false } = this.options;
    await closeDevice(mappedName(this.operand('name')), { deferred, force, cancelDeferred });
  }
}
