import type { DmContext } from '../../cli/dm/command.ts';
import { parseCookie } from '../../cli/dm/udev-cookie.ts';

/** Flags in the upper half of a cookie, from the lowest bit (DM_UDEV_… of libdevmapper.h). */
const FLAGS = [
  'DISABLE_DM_RULES',
  'DISABLE_SUBSYSTEM_RULES',
  'DISABLE_DISK_RULES',
  'DISABLE_OTHER_RULES',
  'LOW_PRIORITY',
  'DISABLE_LIBRARY_FALLBACK',
  'PRIMARY_SOURCE',
];
const FLAGS_SHIFT = 16;
/** From this bit on a flag means what the subsystem says. */
const SUBSYSTEM = 8;

/** `tsdmsetup udevflags <cookie>` */
export default async function udevflags({ operands, ui }: DmContext): Promise<undefined> {
  const flags = parseCookie(operands[0] ?? '') >>> FLAGS_SHIFT;
  const names = Array.from({ length: 16 }, (_, bit) => bit)
    .filter((bit) => (flags & (1 << bit)) !== 0)
    .map(flagName);
  if (ui.json) ui.printJson(names);
  else for (const name of names) ui.print(`${name}='1'`);
}

function flagName(bit: number): string {
  const name = FLAGS[bit];
  if (name !== undefined) return `DM_UDEV_${name}_FLAG`;
  return bit < SUBSYSTEM ? `DM_UDEV_FLAG${bit}` : `DM_SUBSYSTEM_UDEV_FLAG${bit - SUBSYSTEM}`;
}
