import { TscryptError } from '../../../errors.ts';
import type { TargetContext } from '../../target.ts';
import { isLost } from './path-errors.ts';
import type { Path, PathDevice } from './paths.ts';

/** Milliseconds until a path that failed is tried, and tried again. */
export const CHECK_INTERVAL = 5_000;

export interface CheckerOptions {
  readonly reopenDevice: TargetContext['reopenDevice'];
  /** The path works again. */
  readonly reinstate: (path: Path) => void;
}

/**
 * Tries the paths that failed through an error, as multipathd does for the kernel: every few seconds each
 * reads its first block. A device whose connection is lost is opened anew first. Does nothing, and holds
 * no process back, while no path has failed.
 */
export class PathChecker {
  readonly #options: CheckerOptions;
  /** The paths that are tried; undefined between two tries that are paused. */
  readonly #watched = new Map<Path, NodeJS.Timeout | undefined>();
  readonly #reopening = new Map<PathDevice, Promise<void>>();
  #paused = false;

  constructor(options: CheckerOptions) {
    this.#options = options;
  }

  /** The path has failed: it is tried until it works or is forgotten. */
  watch(path: Path): void {
    if (this.#watched.has(path)) return;
    this.#watched.set(path, undefined);
    this.#schedule(path);
  }

  forget(path: Path): void {
    clearTimeout(this.#watched.get(path));
    this.#watched.delete(path);
  }

  /** No path is tried until {@link resume}; a try that is under way goes on. */
  pause(): void {
    this.#paused = true;
    for (const [path, timer] of this.#watched) {
      clearTimeout(timer);
      this.#watched.set(path, undefined);
    }
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const path of this.#watched.keys()) this.#schedule(path);
  }

  /** Forgets all paths, and waits until no device is being opened any more. */
  async stop(): Promise<void> {
    for (const path of [...this.#watched.keys()]) this.forget(path);
    await Promise.allSettled(this.#reopening.values());
  }

  /**
   * Opens a device anew, once for all who ask meanwhile.
   *
   * @throws TscryptError what opening says; DEVICE_TOO_SMALL when it is no longer what the table was loaded with
   */
  async reopen(device: PathDevice): Promise<void> {
    let reopening = this.#reopening.get(device);
    if (!reopening) {
      reopening = this.#openAnew(device).finally(() => this.#reopening.delete(device));
      this.#reopening.set(device, reopening);
    }
    await reopening;
  }

  async #openAnew(device: PathDevice): Promise<void> {
    device.opening = await this.#options.reopenDevice(device.given);
    device.lost = !device.fits;
    if (device.fits) return;
    throw new TscryptError('DEVICE_TOO_SMALL', `Device ${device.label} is not what it was.`, {
      details: { device: device.label, size: device.opening.size },
    });
  }

  #schedule(path: Path): void {
    if (this.#paused) return;
    const timer = setTimeout(() => void this.#try(path, timer), CHECK_INTERVAL);
    timer.unref();
    this.#watched.set(path, timer);
  }

  /** @param timer what `#watched` has for the path as long as this try counts */
  async #try(path: Path, timer: NodeJS.Timeout): Promise<void> {
    const wanted = (): boolean => this.#watched.get(path) === timer;
    const works = await this.#works(path.device, wanted);
    if (!wanted()) return;
    if (works) {
      this.forget(path);
      this.#options.reinstate(path);
    } else {
      this.#schedule(path);
    }
  }

  /** @param wanted whether anybody still wants to know: if not, the device may be another table's by now */
  async #works(device: PathDevice, wanted: () => boolean): Promise<boolean> {
    if (!device.lost) {
      if (await readsFirstBlock(device)) return true;
      if (!device.lost || !wanted()) return false;
    }
    try {
      await this.reopen(device);
    } catch {
      return false;
    }
    return await readsFirstBlock(device);
  }
}

async function readsFirstBlock(device: PathDevice): Promise<boolean> {
  const { opening } = device;
  try {
    await opening.read(0, new Uint8Array(opening.limits.logicalBlockSize));
    return true;
  } catch (error) {
    if (isLost(error)) device.lost = true;
    return false;
  }
}
