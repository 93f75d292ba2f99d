import { createHash } from 'node:crypto';
import { type BlockDevice, MemoryDevice } from '../../../src/block/index.ts';
import { MappedDevice, type MappedDeviceOptions } from '../../../src/dm/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import { parseTable } from '../../../src/table/index.ts';

export const XTS_KEY = Buffer.from(Array.from({ length: 64 }, (_, index) => index)).toString('hex');

/** The code that a promise, or a call, fails with; undefined if it does not fail. */
export async function codeOf(action: Promise<unknown> | (() => unknown)): Promise<string | undefined> {
  return (await failureOf(action))?.code;
}

/** The error itself. Anything but a TscryptError is thrown on. */
export async function failureOf(
  action: Promise<unknown> | (() => unknown),
): Promise<TscryptError | undefined> {
  try {
    await (typeof action === 'function' ? action() : action);
    return undefined;
  } catch (error) {
    if (error instanceof TscryptError) return error;
    throw error;
  }
}

/** Bytes that are the same in every run. */
export function bytes(seed: string, length: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(seed).digest());
}

/** What a table over `devices` (by the names in the table) becomes; other names do not exist. */
export function create(
  table: string,
  devices: Readonly<Record<string, BlockDevice>> = {},
  options: Partial<MappedDeviceOptions> = {},
): Promise<MappedDevice> {
  return MappedDevice.create({
    name: 'm',
    table: parseTable(table),
    openDevice: opener(devices),
    ...options,
  });
}

export function opener(devices: Readonly<Record<string, BlockDevice>>): MappedDeviceOptions['openDevice'] {
  return async (name) => {
    const device = devices[name];
    if (device) return device;
    throw new TscryptError('NO_SUCH_DEVICE', `no ${name}`, { errno: 'ENOENT', details: { device: name } });
  };
}

export function disk(sectors: number, name = 'disk'): MemoryDevice {
  return new MemoryDevice(bytes(name, sectors * 512), { name });
}

/** Whether `promise` has settled by now. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}
