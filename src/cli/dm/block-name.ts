import type { Dependency, DeviceInfo } from '../../daemon/request.ts';

/**
 * What stands where dmsetup shows numbers: those of the device, a file's path, a URI.
 *
 * @param separator between major and minor number
 */
export function devnoText({ label, numbers }: Dependency, separator: string): string {
  return numbers === undefined ? label : `${numbers.major}${separator}${numbers.minor}`;
}

/**
 * What stands where dmsetup shows a node in /dev: a disk's node. Mapped devices have none here and show the name they
 * have (mangled, as dmsetup shows it here), files their path.
 */
export function blockName(device: Dependency | DeviceInfo): string {
  return device.name;
}
