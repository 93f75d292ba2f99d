import type { BlockDevice } from '../block/device.ts';
import { TscryptError } from '../errors.ts';
import type { TableSpec } from '../table/spec.ts';
import { formatMinor, MAX_MINOR, mappedReference } from './device-numbers.ts';
import { MappedDevice, type TableLoadOptions } from './mapped-device.ts';
import type { DeviceOpener } from './table-devices.ts';
import type { TargetType } from './target.ts';

export interface DeviceMapperOptions {
  /** Opens what a table names and no device here answers to, by its canonical name. */
  readonly openDevice: DeviceOpener;
  readonly targetTypes?: ReadonlyMap<string, TargetType>;
}

export interface NewDevice {
  readonly name: string;
  readonly uuid?: string | undefined;
  /** The smallest free one if not given. */
  readonly minor?: number | undefined;
  readonly readOnly?: boolean | undefined;
  /** Where its event number begins: that of the device it continues. */
  readonly eventNumber?: number | undefined;
}

/**
 * The mapped devices of one process: created, found, stacked upon each other and removed. A table names
 * another device here by `4095:MINOR`, /dev/mapper/NAME or its UUID (device-numbers.ts), and requests pass
 * from one to the other as function calls.
 */
export class DeviceMapper {
  readonly #options: DeviceMapperOptions;
  readonly #devices = new Map<string, MappedDevice>();
  /** Names that are being taken, each with the minor number it will have. */
  readonly #reserved = new Map<string, number>();

  constructor(options: DeviceMapperOptions) {
    this.#options = options;
  }

  /** By name. */
  get devices(): readonly MappedDevice[] {
    return [...this.#devices.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): MappedDevice | undefined {
    return this.#devices.get(name);
  }

  findByUuid(uuid: string): MappedDevice | undefined {
    return this.devices.find((device) => device.uuid === uuid);
  }

  findByMinor(minor: number): MappedDevice | undefined {
    return this.devices.find((device) => device.minor === minor);
  }

  /** The device here that a name in a table means. */
  resolve(name: string): MappedDevice | undefined {
    const reference = mappedReference(name);
    switch (reference?.by) {
      case 'minor':
        return this.findByMinor(reference.minor);
      case 'name':
        return this.find(reference.name);
      case 'uuid':
        return this.findByUuid(reference.uuid);
      default:
        return undefined;
    }
  }

  /**
   * A new device without a table (DM_DEV_CREATE).
   *
   * @throws TscryptError DEVICE_EXISTS (EBUSY) when the name, the UUID or the minor number is taken;
   *   INVALID_ARGUMENT
   */
  async create({ name, uuid, minor, readOnly, eventNumber }: NewDevice): Promise<MappedDevice> {
    const taken =
      this.#devices.has(name) ||
      this.#reserved.has(name) ||
      (uuid !== undefined && this.findByUuid(uuid) !== undefined) ||
      (minor !== undefined && this.findByMinor(minor) !== undefined);
    if (taken) throw inUse(name, uuid, minor);
    const number = minor ?? this.#freeMinor();
    this.#reserved.set(name, number);
    try {
      const device: MappedDevice = await MappedDevice.create({
        name,
        ...(uuid !== undefined && { uuid }),
        minor: number,
        readOnly: readOnly ?? false,
        ...(eventNumber !== undefined && { eventNumber }),
        openDevice: (below, options) => this.#open(device, below, options),
        ...(this.#options.targetTypes && { targetTypes: this.#options.targetTypes }),
      });
      this.#devices.set(name, device);
      return device;
    } finally {
      this.#reserved.delete(name);
    }
  }

  /**
   * Loads a table into the inactive slot of a device; names of devices here become their numbers.
   *
   * @throws TscryptError as {@link MappedDevice.load}; INVALID_ARGUMENT when the device would lie upon itself
   */
  load(device: MappedDevice, table: TableSpec, options: TableLoadOptions = {}): Promise<void> {
    const canonicalName = (name: string): string => {
      const mapped = this.resolve(name);
      return mapped ? formatMinor(mapped.minor) : (options.canonicalName?.(name) ?? name);
    };
    return device.load(table, { ...options, canonicalName });
  }

  /**
   * Replaces the device's table by one of its size that fails every request (`dmsetup wipe_table`), without
   * waiting for what cannot be written any more.
   */
  async wipeTable(device: MappedDevice, options: { readonly flush: boolean }): Promise<void> {
    const length = device.size / 512;
    await device.load([{ start: 0, length, type: 'error', args: [] }]);
    await device.resume(options);
  }

  /** @throws TscryptError DEVICE_EXISTS when the new name is taken */
  async rename(device: MappedDevice, name: string): Promise<void> {
    if (this.#devices.has(name) || this.#reserved.has(name)) throw inUse(name, undefined, undefined);
    const old = device.name;
    this.#reserved.set(name, device.minor);
    try {
      await device.rename(name);
      this.#devices.delete(old);
      this.#devices.set(name, device);
    } finally {
      this.#reserved.delete(name);
    }
  }

  /** @throws TscryptError DEVICE_EXISTS when another device has the UUID, INVALID_ARGUMENT when it has one already */
  async setUuid(device: MappedDevice, uuid: string): Promise<void> {
    if (this.findByUuid(uuid)) throw inUse(device.name, uuid, undefined);
    await device.setUuid(uuid);
  }

  /**
   * Closes the device and forgets it.
   *
   * @throws TscryptError DEVICE_BUSY while it is open; any other failure is reported after it is gone
   */
  async remove(device: MappedDevice): Promise<void> {
    try {
      await device.close();
    } catch (error) {
      if (error instanceof TscryptError && error.code === 'DEVICE_BUSY') throw error;
      this.#devices.delete(device.name);
      throw error;
    }
    this.#devices.delete(device.name);
  }

  async #open(
    above: MappedDevice,
    name: string,
    options: { readonly readOnly: boolean },
  ): Promise<BlockDevice> {
    const below = this.resolve(name);
    if (!below) return await this.#options.openDevice(name, options);
    if (below === above || this.#liesUpon(below, above)) {
      throw new TscryptError('INVALID_ARGUMENT', `Device ${above.name} would lie upon itself.`, {
        details: { device: above.name, below: below.name },
      });
    }
    return below.open();
  }

  /** Whether a table of `upper`, live or inactive, leads down to `lower`. */
  #liesUpon(upper: MappedDevice, lower: MappedDevice): boolean {
    return upper.dependencies().some((label) => {
      const below = this.resolve(label);
      return below !== undefined && (below === lower || this.#liesUpon(below, lower));
    });
  }

  #freeMinor(): number {
    const used = new Set([...this.devices.map((device) => device.minor), ...this.#reserved.values()]);
    for (let minor = 0; minor <= MAX_MINOR; minor++) if (!used.has(minor)) return minor;
    throw new TscryptError('OUT_OF_MEMORY', 'No minor number is free.', { errno: 'EBUSY' });
  }
}

function inUse(name: string, uuid: string | undefined, minor: number | undefined): TscryptError {
  return new TscryptError(
    'DEVICE_EXISTS',
    `Device ${name} already exists, or its UUID or number is in use.`,
    {
      errno: 'EBUSY',
      details: { name, ...(uuid !== undefined && { uuid }), ...(minor !== undefined && { minor }) },
    },
  );
}
