import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockDevice } from '../../block/device.ts';
import { fromSystemError, TscryptError } from '../../errors.ts';
import { deviceNumbers } from '../../sys/index.ts';
import { SECTOR_SIZE } from '../../units.ts';
import { DiskClaim } from '../disk-claim.ts';
import type { KernelExport } from '../kernel-export.ts';
import { isNodeUsed, type Node } from '../node-claim.ts';
import type { QueueCounters } from '../queue-threads.ts';
import * as abi from './abi.ts';
import { diskNode, type UblkControl } from './control.ts';
import type { Serving } from './serving.ts';
import { stateOf, type UblkState } from './state.ts';

/** How often and how long (milliseconds) the kernel is given to notice that a device is not served any more. */
const QUIET_ATTEMPTS = 500;
const QUIET_INTERVAL = 10;

/** How often and how long (milliseconds) it is tried to stop a device that nobody uses. */
const STOP_ATTEMPTS = 40;
const STOP_INTERVAL = 50;

/** A device that the kernel shows as /dev/ublkbN. */
export class UblkExport implements KernelExport {
  readonly kind = 'ublk';
  readonly node: string;
  readonly numbers: { readonly major: number; readonly minor: number };
  readonly state: UblkState;
  readonly queues: number;
  readonly ended: Promise<void>;
  readonly leave?: () => Promise<void>;
  readonly #device: BlockDevice;
  readonly #readOnly: boolean;
  readonly #info: abi.DeviceInfo;
  readonly #control: UblkControl;
  readonly #serving: Serving;
  #isGone = false;

  /** @param control becomes this object's own, as the serving does */
  static async of(
    device: BlockDevice,
    info: abi.DeviceInfo,
    control: UblkControl,
    serving: Serving,
  ): Promise<UblkExport> {
    const parameters = await control.parameters(info);
    return new UblkExport(device, info, control, serving, parameters, await numbersOf(info, parameters));
  }

  private constructor(
    device: BlockDevice,
    info: abi.DeviceInfo,
    control: UblkControl,
    serving: Serving,
    parameters: abi.Parameters,
    numbers: { readonly major: number; readonly minor: number },
  ) {
    this.#device = device;
    this.#info = info;
    this.#control = control;
    this.#serving = serving;
    this.#readOnly = (parameters.attributes & abi.ATTRIBUTE_READ_ONLY) !== 0;
    this.node = diskNode(info.id);
    this.numbers = numbers;
    this.state = stateOf(info);
    this.queues = info.queues;
    if (this.state.recoverable) this.leave = () => this.#leave();
    this.ended = serving.ended.finally(() => this.#letGo());
    this.ended.catch(() => {});
  }

  counters(): Promise<QueueCounters> {
    return this.#serving.counters();
  }

  async resize(size: number): Promise<void> {
    if (!this.#control.has(abi.UPDATE_SIZE_FEATURE)) {
      throw new TscryptError('NOT_SUPPORTED', `This kernel cannot change the size of ${this.node}.`, {
        details: { node: this.node, size },
        hint: 'Close the device and open it again, or use Linux 6.16 or later.',
      });
    }
    await this.#control.resize(this.#info, size / SECTOR_SIZE);
  }

  inUse(): Promise<boolean> {
    return isNodeUsed(this.#place);
  }

  async detach(options: { readonly force?: boolean } = {}): Promise<void> {
    if (this.#isGone) return;
    if (options.force) await this.#control.stop(this.#info);
    else await this.#stopUnused();
    await this.ended;
  }

  /**
   * The kernel would stop the disk under a mounted file system; and of a device that can be taken over by another
   * server it would forget what is in its cache.
   */
  async #stopUnused(): Promise<void> {
    // With nobody else there, nothing is in the cache but what was written between two that had it open.
    // What is suspended would not answer.
    const claim = await DiskClaim.take(this.#place, !this.#device.suspended);
    try {
      if (!this.#control.has(abi.SAFE_STOP_DEV)) {
        // As long as the claim is held nobody can mount it.
        await this.#control.stop(this.#info);
        return;
      }
    } finally {
      await claim.release();
    }
    // The claim may be counted for a moment longer, and udev looks at what was closed.
    for (let attempt = 0; attempt < STOP_ATTEMPTS; attempt++) {
      if (await this.#control.tryStop(this.#info)) return;
      await sleep(STOP_INTERVAL);
    }
    throw new TscryptError('DEVICE_BUSY', `${this.node} is in use.`, { details: { device: this.node } });
  }

  async #leave(): Promise<void> {
    await this.#serving.stop();
    await this.ended;
  }

  /** The queues are with the kernel again, or broke: what we hold of the device goes, and the device if it is done. */
  async #letGo(): Promise<void> {
    this.#isGone = true;
    try {
      const now = await this.#quiet();
      // Of a disk that was stopped a shell is left, which is in nobody's way and of no use.
      if (now?.state === abi.STATE_DEAD) await this.#control.delete(this.#info);
    } finally {
      this.#control.close();
    }
  }

  /** Waits until nothing is passed to us any more; a successor need not wait for it then. */
  async #quiet(): Promise<abi.DeviceInfo | undefined> {
    for (let attempt = 1; ; attempt++) {
      const now = await this.#control.info(this.#info.id, this.state.unprivileged);
      if (now?.mark !== this.#info.mark) return undefined;
      if (now.state !== abi.STATE_LIVE) return now;
      if (attempt === QUIET_ATTEMPTS) {
        throw new TscryptError('INTERNAL', `The kernel still takes ${this.node} for served.`);
      }
      await sleep(QUIET_INTERVAL);
    }
  }

  get #place(): Node {
    return { path: this.node, numbers: this.numbers, readOnly: this.#readOnly };
  }
}

/** Since Linux 6.3 the driver tells them. */
async function numbersOf(
  info: abi.DeviceInfo,
  parameters: abi.Parameters,
): Promise<{ readonly major: number; readonly minor: number }> {
  if ((parameters.types & abi.DEVICE_NUMBERS) !== 0) {
    return { major: parameters.diskMajor, minor: parameters.diskMinor };
  }
  const node = diskNode(info.id);
  try {
    return deviceNumbers((await stat(node)).rdev);
  } catch (error) {
    throw fromSystemError(error, `Cannot find ${node}`, { device: node });
  }
}
