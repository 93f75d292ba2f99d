import type { BlockDevice } from '../block/device.ts';
import { TscryptError } from '../errors.ts';

/** Opens a device named in a table: a path, `major:minor`, a URI, another mapped device. */
export type DeviceOpener = (name: string, options: { readonly readOnly: boolean }) => Promise<BlockDevice>;

/** How tables print a device that was opened by this name. */
export type DeviceLabeller = (name: string) => string;

interface Entry {
  opening: Promise<BlockDevice>;
  users: number;
}

/**
 * The devices that the tables of one mapped device use. Each is opened once for reading and writing, or
 * once for reading, however many lines and tables name it: an exclusive open does not collide with
 * itself when a table is replaced.
 */
export class TableDevices {
  readonly #open: DeviceOpener;
  readonly #entries = new Map<string, Entry>();
  readonly label: DeviceLabeller;

  /** @param label as given if absent */
  constructor(open: DeviceOpener, label: DeviceLabeller = (name) => name) {
    this.#open = open;
    this.label = label;
  }

  /** A set of references that are given back together: one per table. */
  references(readOnly: boolean, canonicalName: (name: string) => string = (name) => name): DeviceReferences {
    return new DeviceReferences(this, readOnly, canonicalName);
  }

  async acquire(name: string, readOnly: boolean): Promise<BlockDevice> {
    const key = keyOf(name, readOnly);
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { opening: this.#openChecked(name, readOnly), users: 0 };
      this.#entries.set(key, entry);
    }
    entry.users++;
    try {
      return await entry.opening;
    } catch (error) {
      // Others may have it still, opened when it could be: it may come back for them.
      if (--entry.users === 0 && this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }

  /** {@link TargetContext.reopenDevice}, for a device that is held already. */
  async reopen(name: string, readOnly: boolean): Promise<BlockDevice> {
    const entry = this.#entries.get(keyOf(name, readOnly));
    if (!entry) throw new TscryptError('INTERNAL', `device ${name} is not open`);
    const old = entry.opening;
    // The old one goes first: it may hold what the new one needs, and it is of no use to anybody.
    entry.opening = old
      .then((device) => device.close())
      .catch(() => {})
      .then(() => this.#openChecked(name, readOnly));
    return await entry.opening;
  }

  async release(name: string, readOnly: boolean): Promise<void> {
    const key = keyOf(name, readOnly);
    const entry = this.#entries.get(key);
    if (!entry || --entry.users > 0) return;
    this.#entries.delete(key);
    // A device whose last reopening failed has nothing to close.
    const device = await entry.opening.catch(() => undefined);
    await device?.close();
  }

  async #openChecked(name: string, readOnly: boolean): Promise<BlockDevice> {
    const device = await this.#open(name, { readOnly });
    if (readOnly || !device.readOnly) return device;
    await device.close();
    throw new TscryptError('READ_ONLY', `Device ${name} is read-only.`, { details: { device: name } });
  }
}

export class DeviceReferences {
  readonly #devices: TableDevices;
  readonly #readOnly: boolean;
  readonly #canonical: (name: string) => string;
  /** By canonical name. */
  readonly #held = new Map<string, BlockDevice>();

  constructor(devices: TableDevices, readOnly: boolean, canonicalName: (name: string) => string) {
    this.#devices = devices;
    this.#readOnly = readOnly;
    this.#canonical = canonicalName;
  }

  /** The devices opened so far, each once. */
  get devices(): readonly BlockDevice[] {
    return [...this.#held.values()];
  }

  /** By the names that tables print; undefined if one name stands for several. */
  get byLabel(): ReadonlyMap<string, BlockDevice> | undefined {
    const devices = new Map([...this.#held].map(([name, device]) => [this.#devices.label(name), device]));
    return devices.size === this.#held.size ? devices : undefined;
  }

  get labels(): readonly string[] {
    return [...new Set([...this.#held.keys()].map((name) => this.#devices.label(name)))];
  }

  label(name: string): string {
    return this.#devices.label(this.#canonical(name));
  }

  async reopen(given: string): Promise<BlockDevice> {
    const name = this.#canonical(given);
    const device = await this.#devices.reopen(name, this.#readOnly);
    this.#held.set(name, device);
    return device;
  }

  async open(given: string): Promise<BlockDevice> {
    const name = this.#canonical(given);
    const known = this.#held.get(name);
    if (known) return known;
    const device = await this.#devices.acquire(name, this.#readOnly);
    this.#held.set(name, device);
    return device;
  }

  /** Closes what nobody else uses; the first failure is reported after all were tried. */
  async release(): Promise<void> {
    const names = [...this.#held.keys()];
    this.#held.clear();
    const results = await Promise.allSettled(
      names.map((name) => this.#devices.release(name, this.#readOnly)),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}

function keyOf(name: string, readOnly: boolean): string {
  return `${readOnly ? 'r' : 'w'} ${name}`;
}
