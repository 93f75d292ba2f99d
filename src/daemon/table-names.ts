import { existsSync, readlinkSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { isNbdUri } from '../block/nbd/uri.ts';
import { DM_MAJOR, formatMinor, type MappedReference, mappedReference } from '../dm/device-numbers.ts';
import { deviceNumbers, formatDeviceNumbers } from '../sys/index.ts';
import type { Dependency } from './request.ts';

const DEVICE_NUMBERS = /^(\d+):(\d+)$/;

/**
 * The one name by which a device in a table is opened and printed: `4095:MINOR` for a mapped device,
 * `major:minor` for a disk, the absolute path of a file, an NBD export's URI.
 *
 * @param workingDirectory what relative paths are relative to
 * @param minorOf the number of the mapped device that is meant, if there is one
 */
export function canonicalName(
  name: string,
  workingDirectory: string,
  minorOf: (reference: MappedReference) => number | undefined,
): string {
  if (isNbdUri(name) || DEVICE_NUMBERS.test(name)) return name;
  const reference = mappedReference(name);
  const minor = reference && minorOf(reference);
  if (minor !== undefined) return formatMinor(minor);
  const path = resolve(workingDirectory, name);
  return diskNumbers(path) ?? path;
}

/** What may be said of a device below, of which tables print `label`. */
export function dependency(label: string, nameOfMinor: (minor: number) => string | undefined): Dependency {
  const [, major, minor] = DEVICE_NUMBERS.exec(label) ?? [];
  if (major === undefined || minor === undefined) return { label, name: label };
  const numbers = { major: Number(major), minor: Number(minor) };
  const name = numbers.major === DM_MAJOR ? nameOfMinor(numbers.minor) : nodeName(label);
  return { label, name: name ?? label, numbers };
}

/** `major:minor` of a disk that can be opened by them; udev makes the links in /dev/block. */
function diskNumbers(path: string): string | undefined {
  try {
    const stats = statSync(path);
    if (!stats.isBlockDevice()) return undefined;
    const numbers = formatDeviceNumbers(deviceNumbers(stats.rdev));
    return existsSync(`/dev/block/${numbers}`) ? numbers : undefined;
  } catch {
    // Opening it will say what is wrong.
    return undefined;
  }
}

function nodeName(numbers: string): string | undefined {
  try {
    return basename(readlinkSync(`/sys/dev/block/${numbers}`));
  } catch {
    return undefined;
  }
}
