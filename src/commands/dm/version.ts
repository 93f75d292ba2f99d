import type { DmContext } from '../../cli/dm/command.ts';
import { packageVersion } from '../../package-layout.ts';

/** Of the device mapper whose behaviour this is (DM_VERSION of Linux 6.12). */
const DRIVER_VERSION = '4.48.0';

/** `tsdmsetup version` */
export default async function version({ ui }: DmContext): Promise<undefined> {
  const library = packageVersion();
  if (ui.json) ui.printJson({ library, driver: DRIVER_VERSION });
  else ui.print(`Library version:   ${library} (tscrypt)\nDriver version:    ${DRIVER_VERSION}`);
}
