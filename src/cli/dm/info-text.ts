import type { DeviceInfo } from '../../daemon/request.ts';
import type { NameMangling } from './mangle.ts';

/**
 * A device as `info` describes it without --columns, and as -v adds it to other commands; ends with an empty line.
 */
export function infoText(device: DeviceInfo, names: NameMangling): string {
  const { live, inactive } = device.tables;
  const tables = [live ? 'LIVE' : [], inactive ? 'INACTIVE' : []].flat().join(' & ');
  const state = [
    device.suspended ? 'SUSPENDED' : 'ACTIVE',
    device.readOnly ? ' (READ-ONLY)' : '',
    device.closeDeferred ? ' (DEFERRED REMOVE)' : '',
  ];
  return [
    `Name:              ${names.shown(device.name)}`,
    `State:             ${state.join('')}`,
    // The kernel has it from the disk, which is there once a table was loaded.
    live || inactive ? `Read Ahead:        ${device.readAhead}` : [],
    `Tables present:    ${tables || 'None'}`,
    `Open count:        ${device.openCount}`,
    `Event number:      ${device.eventNumber}`,
    `Major, minor:      ${device.major}, ${device.minor}`,
    `Number of targets: ${device.targetCount}`,
    device.uuid === '' ? [] : `UUID: ${names.shown(device.uuid)}`,
    '\n',
  ]
    .flat()
    .join('\n');
}

/** A device as JSON: all that is known of it. */
export function infoJson(device: DeviceInfo, names: NameMangling): Record<string, unknown> {
  return { ...device, name: names.shown(device.name), uuid: names.shown(device.uuid) };
}
