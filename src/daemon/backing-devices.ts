import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type BlockDevice, claimDevice, type DeviceClaim, isNbdUri, openDevice } from '../block/index.ts';
import { OpenedDevice } from '../dm/opened-device.ts';

const DEVICE_NUMBERS = /^\d+:\d+$/;

export interface BackingDeviceOptions {
  /** What relative paths are relative to. */
  readonly workingDirectory: string;
  /** Other programs may write to the same backing device. */
  readonly shared: boolean;
}

interface Opening {
  readonly device: BlockDevice;
  readonly claim: DeviceClaim;
}

interface Use {
  readonly opening: Promise<Opening>;
  count: number;
}

/**
 * Opens the devices that tables name and keeps them from being mapped a second time elsewhere. Within this
 * daemon a device is opened once for reading and once for writing, however many tables use it, so that
 * a flush of one covers what was written through another, and an exclusive opening does not collide with itself.
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
    const key = `${identity(path)} ${options.readOnly ? 'r' : 'w'}`;
    let use = this.#uses.get(key);
    if (!use) {
      use = { opening: this.#open(path, options.readOnly), count: 0 };
      this.#uses.set(key, use);
    }
    // Counted before anything is waited for: another use may end meanwhile.
    const mine = use;
    mine.count++;
    const forget = (): void => {
      if (this.#uses.get(key) === mine) this.#uses.delete(key);
    };
    let opening: Opening;
    try {
      opening = await mine.opening;
    } catch (error) {
      forget();
      throw error;
    }
    return new OpenedDevice(opening.device, async () => {
      if (--mine.count > 0) return;
      forget();
      try {
        await opening.device.close();
      } finally {
        await opening.claim.release();
      }
    });
  };

  async #open(path: string, readOnly: boolean): Promise<Opening> {
    const { shared } = this.#options;
    const claim = await claimDevice(path, readOnly ? 'read' : 'write', { shared });
    try {
      const device = await openDevice(path, { readOnly, exclusive: !readOnly && !shared });
      if (!claim.held)
        this.#shortcomings.add(`Nothing keeps ${path} from being opened twice: ${claim.reason}.`);
      return { device, claim };
    } catch (error) {
      await claim.release();
      throw error;
    }
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
