import type { MappedDevice } from '../dm/index.ts';
import { fromSystemError } from '../errors.ts';
import type { KernelExporter } from '../export/kernel-export.ts';
import type { QueueThreads } from '../export/queue-threads.ts';
import { KernelDevice, type KernelDeviceOptions, type KernelDeviceState } from './kernel-device.ts';
import { recordKernelDevice } from './kernel-record.ts';
import type { ExportChoice, ExportInfo } from './request.ts';

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
  #reason = '';
  #size = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KernelExportSlotOptions) {
    this.#options = options;
  }

  get info(): ExportInfo {
    return {
      ...(this.#attached?.info ?? { kind: 'socket' as const }),
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
        this.#hold(await KernelDevice.recover(before, this.#attachment()));
      } catch (error) {
        log(error);
        await KernelDevice.remove(before, exporters);
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
      this.#letGo(attached, '');
    });
  }

  /** Stops answering; a successor takes over, or attaches anew where that cannot be done. */
  leave(): Promise<void> {
    return this.#exclusively(async () => {
      const attached = this.#attached;
      if (attached?.handsOver) return await attached.leave();
      await attached?.detach({ force: true });
      if (attached) this.#letGo(attached, '');
    });
  }

  async #attach(): Promise<void> {
    const result = await KernelDevice.attach(this.#attachment());
    if (result instanceof KernelDevice) this.#hold(result);
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

  #hold(attached: KernelDevice): void {
    const { device, changed } = this.#options;
    this.#attached = attached;
    this.#size = device.size;
    this.#reason = '';
    recordKernelDevice(this.#options.directory(), attached.state);
    attached.ended.then(
      () => this.#letGo(attached, `${attached.node} was taken away by another program.`),
      (error: unknown) => {
        this.#options.log(error);
        this.#letGo(attached, fromSystemError(error, `${attached.node} failed`).message);
      },
    );
    changed();
  }

  #letGo(attached: KernelDevice, reason: string): void {
    if (this.#attached !== attached) return;
    this.#attached = undefined;
    this.#reason = reason;
    recordKernelDevice(this.#options.directory(), undefined);
    this.#options.changed();
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
