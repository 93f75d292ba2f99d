import { ActionCommand } from '../cli/action-command.ts';
import { examine } from '../cli/doctor.ts';
import { doctorText } from '../cli/doctor-text.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';

/** `tscrypt doctor` */
export default class Doctor extends ActionCommand {
  static override readonly action = 'doctor';
  static override readonly flags = flagsOf('doctor');
  static override readonly args = argumentsOf('doctor');

  protected async act(): Promise<number | undefined> {
    const found = await examine();
    if (this.options.json) this.ui.printJson(found);
    else this.ui.print(doctorText(found));
    return found.usable ? undefined : 1;
  }
}
