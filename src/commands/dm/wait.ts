import { addressOf, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { refusal } from '../../cli/dm/failure.ts';
import { infoJson, infoText } from '../../cli/dm/info-text.ts';
import { waitForDeviceEvent } from '../../daemon/devices.ts';

/** `tsdmsetup wait <device> [<event_nr>]` */
export default async function wait(context: DmContext): Promise<undefined> {
  const { options, operands, names, ui } = context;
  const named = options.uuid === undefined && options.major === undefined;
  const address = addressOf(context, named || operands.length === 2 ? operands[0] : undefined);
  const event = named || operands.length === 2 ? operands[1] : operands[0];
  const known = event === undefined ? 0 : eventNumber(event);
  // 0 is not a number to compare with, but the wish to wait for the next event.
  const device = await ioctl('waitevent', address, (name) =>
    waitForDeviceEvent(name, known === 0 ? undefined : known),
  );
  if (ui.json) ui.printJson(infoJson(device, names));
  else if (options.verbose !== undefined) ui.print(infoText(device, names));
}

/** dmsetup takes what is no number for 0, and waits. */
function eventNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw refusal(`Invalid event number "${text}".`);
}
