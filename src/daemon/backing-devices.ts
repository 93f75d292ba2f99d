import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type BlockDevice, claimDevice, type DeviceClaim, isNbdUri, openDevice } from '../block/index.ts';

const DEVICE_NUMBERS = /^\d+:\d+$/;

export interface BackingDeviceOptions {
  /** What relative paths are relative to. */
  readonly workingDirectory: string;
  /** Other devices may write to the same backing device. */
  readonly shared: boolean;
}

interface Use {
  readonly claim: Promise<DeviceClaim>;
  count: number;
}

/**
 * Opens the devices that a table names and keeps them from being mapped a second time elsewhere. Within
 * this daemon a device may be opened any number of times: two lines of a table, an old table and a new one.
 */
export class BackingDevices {
  readonly #options: BackingDeviceOptions;
  /** By what the path leads to and whether it is written. */
  readonly #uses = new Map<string, Use>();
  readonly #shortcomings = new Set<string>();

  constructor(options: BackingDeviceOptions) {
    this.#options = options;
  }

  /** Why a device is not protected against a second user, one sentence each. */
  get shortcomings(): readonly string[] {
    return [...this.#shortcomings];
  }

  readonly open = async (name: string, options: { readonly readOnly: boolean }): Promise<BlockDevice> => {
    if (isNbdUri(name)) return openDevice(name, options);
    const path = DEVICE_NUMBERS.test(name)
      ? `/dev/block/${name}`
      : resolve(this.#options.workingDirectory, name);
    const release = await this.#use(path, options.readOnly);
    try {
      const device = await openDevice(path, {
        ...options,
        exclusive: !options.readOnly && !this.#options.shared,
      });
      const close = device.close.bind(device);
      device.close = async () => {
        try {
          await close();
        } finally {
          await release();
        }
      };
      return device;
    } catch (error) {
      await release();
      throw error;
    }
  };

  /** @returns ends this use; the mark is taken off with the last one */
  async #use(path: string, readOnly: boolean): Promise<() => Promise<void>> {
    const key = `${identity(path)} ${readOnly ? 'r' : 'w'}`;
    let use = this.#uses.get(key);
    if (!use) {
      const claim = claimDevice(path, readOnly ? 'read' : 'write', { shared: this.#options.shared });
      use = { claim, count: 0 };
      this.#uses.set(key, use);
    }
    // Counted before anything is waited for: another use may end meanwhile.
    const mine = use;
    mine.count++;
    const forget = (): void => {
      if (this.#uses.get(key) === mine) this.#uses.delete(key);
    };
    let claim: DeviceClaim;
    try {
      claim = await mine.claim;
    } catch (error) {
      forget();
      throw error;
    }
    if (!claim.held)
      this.#shortcomings.add(`Nothing keeps ${path} from being opened twice: ${claim.reason}.`);
    let done = false;
    return async () => {
      if (done) return;
      done = true;
      if (--mine.count > 0) return;
      forget();
      await claim.release();
    };
  }
}

function identity(path: string): string {
  try {
    const { dev, ino, rdev } = statSync(path);
    return rdev === 0 ? `${dev}:${ino}` : `rdev ${rdev}`;
  } catch {
    // Opening it will say what is wrong.
    return path;
  }
}
