import type { DmContext } from '../../cli/dm/command.ts';
import { parseCookie } from '../../cli/dm/udev-cookie.ts';

/** `tsdmsetup udevcomplete <cookie>`: nobody waits for it. */
export default async function udevcomplete({ operands, ui }: DmContext): Promise<undefined> {
  const cookie = parseCookie(operands[0] ?? '');
  ui.note(`DM_COOKIE_COMPLETED=0x${cookie.toString(16).padEnd(10)}`);
}
