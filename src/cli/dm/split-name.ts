/** A device name taken apart by the rules of the subsystem that gave it. */
export interface SplitName {
  /** Who gave it; '' if nobody is known. */
  readonly subsystem: string;
  readonly vgName: string;
  readonly lvName: string;
  readonly lvLayer: string;
}

const LVM = 'LVM';

/** @param subsystem LVM is the only one whose rules are known; case counts */
export function splitName(name: string, subsystem: string): SplitName {
  const [vgName = '', lvName = '', lvLayer = ''] = subsystem === LVM ? splitHyphens(name) : [];
  return { subsystem, vgName, lvName, lvLayer };
}

/** A device's name by its uuid, which begins with the subsystem and a hyphen. */
export function splitByUuid(name: string, uuid: string): SplitName {
  return splitName(name, uuid.slice(0, Math.max(uuid.indexOf('-'), 0)));
}

/** A hyphen separates; those of the names are doubled, and one at the very end stands for itself. */
function splitHyphens(name: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (const { 0: piece, index } of name.matchAll(/--|-|[^-]+/g)) {
    if (piece === '-' && index < name.length - 1) {
      parts.push(part);
      part = '';
    } else part += piece === '--' ? '-' : piece;
  }
  return [...parts, part];
}
