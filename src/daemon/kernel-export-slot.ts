import type { MappedDevice } from '../dm/index.ts';
import { fromSystemError, TscryptError } from '../errors.ts';
import type { KernelExporter } from '../export/kernel-export.ts';
import type { QueueThreads } from '../export/queue-threads.ts';
import { waitForUdev } from '../sys/index.ts';
import { checkNodeLink, linkNode, renameNode, unlinkNode } from './device-node.ts';
import { KernelDevice, type KernelDeviceOptions, type KernelDeviceState } from './kernel-device.ts';
import { recordedKernelDevice, recordKernelDevice } from './kernel-record.ts';
import type { ExportChoice, ExportInfo } from './request.ts';
import { outliveOthers } from './survival.ts';

export interface KernelExportSlotOptions {
  readonly choice: ExportChoice;
  readonly device: MappedDevice;
  readonly readOnly: boolean;
  readonly queues: QueueThreads;
  /** Those to choose from; all of this build if not given. */
  readonly exporters?: readonly KernelExporter[] | undefined;
  /** The device's directory as it is called now. */
  readonly directory: () => string;
  /** {@link KernelExportSlot.info} or `state` is another one now. */
  readonly changed: () => void;
  readonly log: (error: unknown) => void;
}

/**
 * Where a mapped device has its block device of the kernel: empty until there is a table to show, empty again when it
 * was detached. Its operations run one at a time.
 */
export class KernelExportSlot {
  readonly #options: KernelExportSlotOptions;
  #attached: KernelDevice | undefined;
  /** `/dev/mapper/NAME`, where it leads to the node. */
  #link: string | undefined;
  #reason = '';
  #size = 0;
  /** It is the successor's from now on, with its record and its link. */
  #left = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KernelExportSlotOptions) {
    this.#options = options;
  }

  get info(): ExportInfo {
    return {
      ...(this.#attached?.info ?? { kind: 'socket' as const }),
      ...(this.#link !== undefined && { link: this.#link }),
      ...(this.#reason !== '' && { reason: this.#reason }),
    };
  }

  get state(): KernelDeviceState | undefined {
    return this.#attached?.state;
  }

  /** A successor could take it over. */
  get recoverable(): boolean {
    return this.#attached?.recoverable ?? false;
  }

  /** A running process can hand it to another one. */
  get handsOver(): boolean {
    return this.#attached?.handsOver ?? true;
  }

  async inspect(): Promise<ExportInfo> {
    const attached = this.#attached;
    if (!attached) return this.info;
    const [inUse, counters] = await Promise.all([attached.inUse(), attached.counters()]);
    return { ...this.info, inUse, counters };
  }

  async inUse(): Promise<boolean> {
    return (await this.#attached?.inUse()) ?? false;
  }

  /**
   * Another table is live: the kernel's device is made for the first one, and gets its size from later ones.
   *
   * @throws TscryptError when a facility was asked for that cannot be had
   */
  tableChanged(): Promise<void> {
    return this.#exclusively(async () => {
      const { device } = this.#options;
      if (!device.info.tables.live) return;
      if (!this.#attached) await this.#attach();
      else if (device.size !== this.#size) await this.#resize(this.#attached);
    });
  }

  /**
   * Takes over what another process attached before. Where that cannot be done, it is removed, and something else
   * attached in its place: the device lives on, if not for those who had it open.
   */
  succeed(before: KernelDeviceState): Promise<void> {
    return this.#exclusively(async () => {
      const { log, exporters, device } = this.#options;
      try {
        await this.#hold(await KernelDevice.recover(before, this.#attachment()), before.state.node);
      } catch (error) {
        log(error);
        await KernelDevice.remove(device.name, before, exporters);
        recordKernelDevice(this.#options.directory(), undefined);
        if (device.info.tables.live) await this.#attach();
      }
    });
  }

  /**
   * Takes the kernel's device away, if there is one.
   *
   * @throws TscryptError DEVICE_BUSY when it is in use, unless `force`
   */
  detach(options: { readonly force: boolean }): Promise<void> {
    return this.#exclusively(async () => {
      const attached = this.#attached;
      if (!attached) return;
      await attached.detach(options);
      await this.#letGo(attached, '');
    });
  }

  /** Stops answering; a successor takes over, or attaches anew where that cannot be done. */
  leave(): Promise<void> {
    return this.#exclusively(async () => {
      const attached = this.#attached;
      if (attached?.handsOver) {
        this.#left = true;
        return await attached.leave();
      }
      await attached?.detach({ force: true });
      if (attached) await this.#letGo(attached, '');
    });
  }

  /**
   * The device has another name now.
   *
   * @throws TscryptError DEVICE_EXISTS when there is a /dev/mapper/NAME already; nothing has changed then
   */
  rename(from: string, to: string): Promise<void> {
    return this.#exclusively(async () => {
      if (this.#attached) this.#link = await renameNode(from, to, this.#attached.node);
    });
  }

  async #attach(): Promise<void> {
    const { choice, device, directory } = this.#options;
    const left = recordedKernelDevice(directory())?.state.node;
    if (choice !== 'socket') await checkNodeLink(device.name, { left });
    const result = await KernelDevice.attach(this.#attachment());
    if (result instanceof KernelDevice) await this.#hold(result, left);
    else this.#reason = result.reason;
  }

  async #resize(attached: KernelDevice): Promise<void> {
    const { device, log, changed } = this.#options;
    try {
      await attached.resize(device.size);
      this.#size = device.size;
      this.#reason = '';
    } catch (error) {
      // The table is live all the same; the mapped device is as large as it says.
      log(error);
      this.#reason = `The size of ${attached.node} stays as it is: ${fromSystemError(error, 'resizing failed').message}`;
    }
    changed();
  }

  /** @param left the node of a dead daemon, whose link may be replaced */
  async #hold(attached: KernelDevice, left: string | undefined): Promise<void> {
    const { device, changed, log, directory } = this.#options;
    outliveOthers();
    this.#attached = attached;
    this.#size = device.size;
    this.#reason = '';
    recordKernelDevice(directory(), attached.state);
    const gone = (reason: string): void => {
      this.#letGo(attached, reason).catch(log);
    };
    attached.ended.then(
      () => gone(`${attached.node} was taken away by another program.`),
      (error: unknown) => {
        log(error);
        gone(fromSystemError(error, `${attached.node} failed`).message);
      },
    );
    try {
      this.#link = await linkNode(device.name, attached.node, { left });
    } catch (error) {
      await attached.detach({ force: true });
      await this.#letGo(attached, '');
      throw error;
    }
    const { numbers } = attached.info;
    if (numbers && (await waitForUdev(numbers)) === 'late') log(lateUdev(attached.node));
    changed();
  }

  async #letGo(attached: KernelDevice, reason: string): Promise<void> {
    if (this.#attached !== attached || this.#left) return;
    const { device, directory, changed } = this.#options;
    this.#attached = undefined;
    this.#link = undefined;
    this.#reason = reason;
    recordKernelDevice(directory(), undefined);
    changed();
    await unlinkNode(device.name, attached.node);
  }

  #attachment(): KernelDeviceOptions {
    const { choice, device, readOnly, queues, directory, log, exporters } = this.#options;
    return {
      name: device.name,
      device,
      readOnly: readOnly || device.readOnly,
      choice,
      directory: directory(),
      queues,
      log,
      ...(exporters && { exporters }),
    };
  }

  #exclusively<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => {});
    return result;
  }
}

function lateUdev(node: string): TscryptError {
  return new TscryptError('DEVICE_BUSY', `udev takes long over ${node}; links to it may be missing.`, {
    details: { node },
  });
}
