import type { DmContext } from '../../cli/dm/command.ts';
import { refusal } from '../../cli/dm/failure.ts';

/** `tsdmsetup udevreleasecookie [<cookie>]`: nobody is waited for. */
export default async function udevreleasecookie({ operands }: DmContext): Promise<undefined> {
  if (operands.length === 0 && process.env.DM_UDEV_COOKIE === undefined)
    throw refusal('No udev transaction cookie given.');
}
