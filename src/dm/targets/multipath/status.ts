import { counted } from './args.ts';
import type { PathGroups, PriorityGroup } from './groups.ts';

/** What `dmsetup status` prints, with the kernel's blank at the end. */
export function formatStatus(groups: PathGroups): string {
  const words = [
    // Whether requests wait for a group to be made ready, how often that was tried; no handler's arguments.
    ...counted([groups.chosen ? '0' : '1', '0']),
    '0',
    String(groups.groups.length),
    String(groups.shownNumber),
    ...groups.groups.flatMap((group) => formatGroup(group, group === groups.current)),
  ];
  return words.map((word) => `${word} `).join('');
}

function formatGroup(group: PriorityGroup, current: boolean): string[] {
  const { type, selector, paths, bypassed } = group;
  return [
    bypassed ? 'D' : current ? 'A' : 'E',
    ...counted(selector.args),
    String(paths.length),
    String(type.infoArgs),
    ...paths.flatMap(({ device, active, failCount, index }) => [
      device.label,
      active ? 'A' : 'F',
      String(failCount),
      ...selector.infoArgsOf(index),
    ]),
  ];
}
