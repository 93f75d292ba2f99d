import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { findDevice, listDevices } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';
import { formatMinor, mappedReference } from '../../dm/device-numbers.ts';
import { TscryptError } from '../../errors.ts';
import type { DmContext } from './command.ts';
import { IoctlFailure, type IoctlVerb, isInWords, isNotActive, noSuchDevice, refusal } from './failure.ts';

const MAPPER = '/dev/mapper/';

/** How the command line names one device. Messages repeat it as it was given. */
export interface DeviceAddress {
  /** The mapped device's name (mangled). */
  readonly name?: string;
  readonly uuid?: string;
  readonly numbers?: { readonly major: number; readonly minor: number };
  /** The path that the name is the end of. */
  readonly path?: string;
}

/**
 * The device a command is about: the operand, a name or a path of one, else `--uuid`, else `--major` and `--minor`.
 *
 * @throws TscryptError INVALID_ARGUMENT when no device is named, or the path is not one of a mapped device
 */
export function addressOf(context: DmContext, operand: string | undefined): DeviceAddress {
  const { options, names } = context;
  if (operand !== undefined) return operandAddress(context, operand);
  if (options.uuid !== undefined) return { uuid: names.toDevice(options.uuid, 'UUID') };
  if (options.major !== undefined && options.minor !== undefined)
    return { numbers: { major: options.major, minor: options.minor } };
  throw refusal('No device specified.');
}

/** No operand names a device, nor does an option: the command is about all of them. */
export function wantsAll({ options, operands }: DmContext): boolean {
  return operands.length === 0 && options.uuid === undefined && options.major === undefined;
}

/** The devices of a command that takes any number of them but not none; one for `--uuid` or the numbers. */
export function addressesOf(context: DmContext): DeviceAddress[] {
  const { operands } = context;
  return operands.length === 0
    ? [addressOf(context, undefined)]
    : operands.map((operand) => addressOf(context, operand));
}

/**
 * The device, or undefined when there is none.
 *
 * @throws TscryptError INVALID_ARGUMENT when a path was given and leads nowhere
 */
export async function findByAddress(address: DeviceAddress): Promise<DeviceInfo | undefined> {
  const { name, uuid, numbers, path } = address;
  if (name !== undefined) {
    const device = name === '' ? undefined : await findDevice(name);
    if (!device && path !== undefined) throw notFound(path);
    return device;
  }
  const devices = await listDevices();
  return devices.find((device) =>
    numbers === undefined
      ? device.uuid === uuid
      : device.major === numbers.major && device.minor === numbers.minor,
  );
}

/**
 * Asks the addressed device for something.
 *
 * @param action gets the mapped device's name
 * @throws IoctlFailure what went wrong, with `verb` and the address as they were given
 */
export async function ioctl<Result>(
  verb: IoctlVerb,
  address: DeviceAddress,
  action: (name: string) => Promise<Result>,
): Promise<Result> {
  try {
    return await action(address.name || (await nameOf(address)));
  } catch (error) {
    if (!(error instanceof TscryptError) || isInWords(error)) throw error;
    if (address.path !== undefined && isNotActive(error)) throw notFound(address.path);
    throw new IoctlFailure(verb, address, error, await numbersOf(verb, address, error));
  }
}

async function nameOf(address: DeviceAddress): Promise<string> {
  const device = await findByAddress(address);
  if (device) return device.name;
  throw noSuchDevice();
}

/** What the reason of a refused table begins with. */
async function numbersOf(verb: IoctlVerb, address: DeviceAddress, error: TscryptError): Promise<string> {
  if (verb !== 'reload' || isNotActive(error)) return '';
  const minor = address.numbers?.minor ?? (await findByAddress(address))?.minor;
  return minor === undefined ? (address.name ?? '') : formatMinor(minor);
}

/** A name, or a path that udev would make for the device. */
function operandAddress({ names }: DmContext, operand: string): DeviceAddress {
  if (!operand.includes('/')) return { name: names.toDevice(operand) };
  if (operand === MAPPER) return { name: '' };
  const reference = mappedReference(operand);
  switch (reference?.by) {
    case 'name':
      return { name: names.toDevice(reference.name), path: operand };
    case 'uuid':
      return { uuid: reference.uuid };
    default:
      throw notFound(operand);
  }
}

/** As libdevmapper says it: of a disk that is no mapped device the name in /dev. */
function notFound(path: string): TscryptError {
  const isDisk = statSync(path, { throwIfNoEntry: false })?.isBlockDevice() ?? false;
  return refusal(`Device ${isDisk ? basename(path) : path} not found`);
}
