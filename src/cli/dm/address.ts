import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { findDevice, listDevices } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';
import { formatMinor, mappedReference } from '../../dm/device-numbers.ts';
import { TscryptError } from '../../errors.ts';
import type { DmContext } from './command.ts';
import { IoctlFailure, type IoctlVerb, isNotActive, refusal } from './failure.ts';

/** How the command line names one device. Messages repeat it as it was given. */
export interface DeviceAddress {
  /** The mapped device's name (mangled). */
  readonly name?: string;
  readonly uuid?: string;
  readonly numbers?: { readonly major: number; readonly minor: number };
}

/**
 * The device a command is about: the operand, a name or a path of one, else `--uuid`, else `--major` and `--minor`.
 *
 * @throws TscryptError INVALID_ARGUMENT when no device is named, or the path is not one of a mapped device
 */
export function addressOf(context: DmContext, operand: string | undefined): DeviceAddress {
  const { options, names } = context;
  if (operand !== undefined) return { name: deviceName(context, operand) };
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

/** The device, or undefined when there is none. */
export async function findByAddress(address: DeviceAddress): Promise<DeviceInfo | undefined> {
  const { name, uuid, numbers } = address;
  if (name !== undefined) return name === '' ? undefined : await findDevice(name);
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
    return await action(address.name ?? (await nameOf(address)));
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    throw new IoctlFailure(verb, address, error, await numbersOf(verb, address, error));
  }
}

async function nameOf(address: DeviceAddress): Promise<string> {
  const device = await findByAddress(address);
  if (device) return device.name;
  throw new TscryptError('NO_SUCH_DEVICE', 'The device is not active.', { errno: 'ENXIO' });
}

/** What the reason of a refused table begins with. */
async function numbersOf(verb: IoctlVerb, address: DeviceAddress, error: TscryptError): Promise<string> {
  if (verb !== 'reload' || isNotActive(error)) return '';
  const minor = address.numbers?.minor ?? (await findByAddress(address))?.minor;
  return minor === undefined ? (address.name ?? '') : formatMinor(minor);
}

/** An operand as a mapped device's name: itself, or the end of a path that udev would make for the device. */
function deviceName({ names }: DmContext, operand: string): string {
  if (!operand.includes('/')) return names.toDevice(operand);
  const reference = mappedReference(operand);
  if (reference?.by === 'name') return names.toDevice(reference.name);
  const isDisk = existsSync(operand) && statSync(operand).isBlockDevice();
  throw refusal(`Device ${isDisk ? basename(operand) : operand} not found`);
}
