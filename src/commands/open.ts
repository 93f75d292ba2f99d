import { ActionCommand } from '../cli/action-command.ts';
import { exportFallback } from '../cli/export-choice.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { existingPassphrase, triesOf, unlock } from '../cli/unlock.ts';
import { activationOf, locationOf, mappedName } from '../cli/volume-options.ts';
import { findDevice } from '../daemon/devices.ts';
import { TscryptError } from '../errors.ts';
import { checkExists, LuksVolume } from '../volume/index.ts';

/** `tscrypt open <device> [<name>]` */
export default class Open extends ActionCommand {
  static override readonly action = 'open';
  static override readonly flags = flagsOf('open');
  static override readonly args = argumentsOf('open');

  protected async act(): Promise<undefined> {
    const { options, ui } = this;
    const device = this.operand('device');
    const name = await this.#freeName();
    const activation = activationOf(options);
    const location = locationOf(device, options);
    const volume = await LuksVolume.load(location);
    await checkExists(location.device);
    const unlocked = await unlock(
      volume,
      {
        ...existingPassphrase(options, `Enter passphrase for ${device}: `),
        unbound: options['test-passphrase'] ?? false,
        keyslot: options['key-slot'],
        tries: triesOf(options),
      },
      options,
      ui,
    );
    using _volumeKey = unlocked.volumeKey;
    if (name === undefined) {
      if (options.json) ui.printJson({ device, uuid: volume.uuid, keyslot: unlocked.keyslot });
      return;
    }
    const info = await volume.activate(name, unlocked, activation);
    if (options.persistent) await volume.setFlags(activation.flags ?? []);
    for (const shortcoming of info.shortcomings) ui.debug(shortcoming);
    const fallback = exportFallback(name, info.export);
    if (fallback !== undefined) ui.warn(fallback);
    if (options.json) ui.printJson(info);
    for (const place of options.json ? [] : [info.export.link ?? info.export.node, ...info.uris]) {
      if (place === undefined) continue;
      if (process.stdout.isTTY) ui.note(`${name} is exported as ${place}`);
      else ui.verbose(`${name} is exported as ${place}`);
    }
  }

  /** The name to map under; undefined where only the passphrase is tested. */
  async #freeName(): Promise<string | undefined> {
    if (this.options['test-passphrase']) return undefined;
    if (this.operands.name === undefined) {
      throw new TscryptError('INVALID_ARGUMENT', 'Command requires device and mapped name as arguments.');
    }
    const name = mappedName(this.operands.name);
    // Found out again, without a gap, when the name is claimed; here it spares the passphrase.
    if ((await findDevice(name)) !== undefined)
      throw new TscryptError('DEVICE_EXISTS', `Device ${name} already exists.`, { details: { name } });
    return name;
  }
}
