import type { DmContext } from '../../cli/dm/command.ts';
import { refusal } from '../../cli/dm/failure.ts';

/** `tsdmsetup udevcomplete_all [<age_in_minutes>]`: there is no cookie, so that nothing need be asked. */
export default async function udevcompleteAll({ operands, ui }: DmContext): Promise<undefined> {
  const [age] = operands;
  if (age !== undefined && !/^\d+$/.test(age)) throw refusal('Failed to read age_in_minutes parameter.');
  ui.note('0 semaphores with keys prefixed by 3405 (0xd4d) destroyed. 0 skipped.');
}
