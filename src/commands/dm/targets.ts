import type { DmContext } from '../../cli/dm/command.ts';
import { listVersions } from '../../cli/dm/target-versions.ts';
import { targetTypes } from '../../dm/registry.ts';

/** `tsdmsetup targets` */
export default async function targets({ ui }: DmContext): Promise<undefined> {
  listVersions([...targetTypes.values()], ui);
}
