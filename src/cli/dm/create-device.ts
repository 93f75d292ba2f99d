import { activateDevice } from '../../daemon/activate.ts';
import { findDevice, listDevices } from '../../daemon/devices.ts';
import type { DeviceInfo } from '../../daemon/request.ts';
import { DM_MAJOR, formatMinor, MAX_MINOR } from '../../dm/device-numbers.ts';
import { checkName, checkUuid } from '../../dm/names.ts';
import { TscryptError } from '../../errors.ts';
import type { TableSpec } from '../../table/spec.ts';
import { exportChoice } from '../export-choice.ts';
import type { DeviceAddress } from './address.ts';
import { IoctlFailure } from './failure.ts';

/** A device that `create` makes; names are mangled already. */
export interface NewDevice {
  readonly name: string;
  /** '' for none. */
  readonly uuid: string;
  readonly numbers?: { readonly major: number; readonly minor: number } | undefined;
  readonly readOnly: boolean;
  /** Empty: the device has none. */
  readonly table: TableSpec;
}

/**
 * Makes a device, loads its table and resumes it, all or nothing.
 *
 * @throws IoctlFailure of the step at which dmsetup would have failed
 */
export async function createDevice({ name, uuid, numbers, readOnly, table }: NewDevice): Promise<DeviceInfo> {
  const address: DeviceAddress = { name, uuid, ...(numbers && { numbers }) };
  try {
    checkName(name);
    if (uuid !== '') checkUuid(uuid);
    if (numbers) checkNumbers(numbers);
    return await activateDevice({
      name,
      uuid,
      readOnly,
      common: true,
      export: exportChoice(undefined),
      ...(numbers && { minor: numbers.minor }),
      ...(table.length > 0 && { table }),
    });
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    // What is wrong with a table is said of the device that it was loaded into.
    if (error.details.device === name) throw await refusedTable(name, numbers, error);
    throw new IoctlFailure('create', address, (await isOfMinor(address, error)) ? noSuchMinor(error) : error);
  }
}

/** The table of a device that there is no longer, or that there never was. */
export async function refusedTable(
  name: string,
  numbers: { readonly minor: number } | undefined,
  cause: TscryptError,
): Promise<IoctlFailure> {
  const minor = numbers?.minor ?? (await freeMinor());
  const address = { name, numbers: { major: DM_MAJOR, minor } };
  return new IoctlFailure('reload', address, cause, formatMinor(minor));
}

/** The number the device had, which is the smallest free one again: known here too, so that messages name it. */
async function freeMinor(): Promise<number> {
  const used = new Set((await listDevices()).map(({ minor }) => minor));
  for (let minor = 0; ; minor++) if (!used.has(minor)) return minor;
}

/** As with the kernel, whose major number cannot be chosen. */
function checkNumbers({ major, minor }: { readonly major: number; readonly minor: number }): void {
  if (major === DM_MAJOR && minor >= 0 && minor <= MAX_MINOR) return;
  throw new TscryptError('NO_SUCH_DEVICE', `Mapped devices have the major number ${DM_MAJOR}.`, {
    errno: 'ENXIO',
  });
}

/** Of what is taken, it is the minor number. The kernel has another error for that than for name and uuid. */
async function isOfMinor(address: DeviceAddress, error: TscryptError): Promise<boolean> {
  if (error.code !== 'DEVICE_EXISTS' || !address.numbers || address.name === undefined) return false;
  if (await findDevice(address.name)) return false;
  return !(await listDevices()).some(({ uuid }) => uuid !== '' && uuid === address.uuid);
}

function noSuchMinor(cause: TscryptError): TscryptError {
  return new TscryptError('NO_SUCH_DEVICE', cause.message, { errno: 'ENXIO', cause });
}
