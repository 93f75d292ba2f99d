import type { DmContext } from '../../cli/dm/command.ts';

/** `tsdmsetup udevcookies`: there are none. */
export default async function udevcookies({ ui }: DmContext): Promise<undefined> {
  if (ui.json) ui.printJson([]);
  else ui.print('Cookie       Semid      Value      Last semop time           Last change time');
}
