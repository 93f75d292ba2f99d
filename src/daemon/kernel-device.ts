import { randomUUID } from 'node:crypto';
import type { BlockDevice } from '../block/device.ts';
import { fromSystemError, TscryptError } from '../errors.ts';
import type {
  AttachOptions,
  KernelExport,
  KernelExporter,
  KernelExportState,
} from '../export/kernel-export.ts';
import { kernelExporters } from '../export/kernel-exporters.ts';
import type { QueueCounters, QueueThreads } from '../export/queue-threads.ts';
import { unlinkNode } from './device-node.ts';
import type { ExportChoice, ExportInfo } from './request.ts';

export interface KernelDeviceOptions {
  readonly name: string;
  readonly device: BlockDevice;
  readonly readOnly: boolean;
  readonly choice: ExportChoice;
  /** The device's directory in the runtime directory. */
  readonly directory: string;
  readonly queues: QueueThreads;
  readonly log: (error: unknown) => void;
  /** Those to choose from; all of this build if not given. */
  readonly exporters?: readonly KernelExporter[];
}

/** What a successor must know to take a device of the kernel over. */
export interface KernelDeviceState {
  readonly identifier: string;
  readonly state: KernelExportState;
}

/**
 * A mapped device as a block device of the kernel: which facility shows it, from being chosen to being detached.
 */
export class KernelDevice {
  readonly #exporter: KernelExporter;
  readonly #export: KernelExport;
  readonly #identifier: string;

  private constructor(exporter: KernelExporter, made: KernelExport, identifier: string) {
    this.#exporter = exporter;
    this.#export = made;
    this.#identifier = identifier;
  }

  /**
   * @returns why there is none, where the choice leaves that open (`auto`, `socket`)
   * @throws TscryptError NOT_SUPPORTED, PERMISSION_DENIED … when the facility that was asked for cannot be had
   */
  static async attach(options: KernelDeviceOptions): Promise<KernelDevice | { readonly reason: string }> {
    const { choice, exporters = kernelExporters } = options;
    if (choice === 'socket') return { reason: '' };
    const reasons: string[] = [];
    for (const exporter of exporters) {
      if (choice !== 'auto' && exporter.kind !== choice) continue;
      const { usable, reason, remedy } = await exporter.availability();
      if (!usable) {
        if (choice !== 'auto') throw unavailable(choice, reason, remedy);
        reasons.push(`${exporter.kind}: ${reason ?? 'not available'}`);
        continue;
      }
      const identifier = randomUUID();
      try {
        const made = await exporter.attach(options.device, attachOptions(options, identifier));
        return new KernelDevice(exporter, made, identifier);
      } catch (error) {
        if (choice !== 'auto') throw error;
        options.log(error);
        reasons.push(`${exporter.kind}: ${fromSystemError(error, 'attaching failed').message}`);
      }
    }
    if (choice !== 'auto') throw unavailable(choice, undefined, undefined);
    return { reason: reasons.join(' ') };
  }

  /**
   * Takes over what a process that died, or left, had attached.
   *
   * @throws TscryptError what the kernel says; NOT_SUPPORTED where the facility cannot do that
   */
  static async recover(before: KernelDeviceState, options: KernelDeviceOptions): Promise<KernelDevice> {
    const { state, identifier } = before;
    const exporter = exporterOf(state, options.exporters ?? kernelExporters);
    if (!exporter.recover) {
      throw new TscryptError('NOT_SUPPORTED', `${state.node} died with the process that served it.`, {
        details: { device: options.name, node: state.node, export: state.kind },
      });
    }
    const made = await exporter.recover(options.device, state, attachOptions(options, identifier));
    return new KernelDevice(exporter, made, identifier);
  }

  /** Removes what a dead process left of a device in the kernel, whoever still uses it, and the link to it. */
  static async remove(
    name: string,
    { state }: KernelDeviceState,
    exporters: readonly KernelExporter[] = kernelExporters,
  ): Promise<void> {
    await exporterOf(state, exporters).remove(state);
    await unlinkNode(name, state.node);
  }

  get node(): string {
    return this.#export.node;
  }

  get state(): KernelDeviceState {
    return { identifier: this.#identifier, state: this.#export.state };
  }

  /** A successor can take it over. */
  get recoverable(): boolean {
    return this.#exporter.recover !== undefined;
  }

  /** This process can stop serving it without its users noticing more than a pause. */
  get handsOver(): boolean {
    return this.recoverable && this.#export.leave !== undefined;
  }

  /** Settles when the kernel's side is gone; rejects when it broke. */
  get ended(): Promise<void> {
    return this.#export.ended;
  }

  get info(): ExportInfo {
    const { kind, node, numbers, queues } = this.#export;
    return { kind, node, queues, ...(numbers && { numbers }) };
  }

  counters(): Promise<QueueCounters> {
    return this.#export.counters();
  }

  inUse(): Promise<boolean> {
    return this.#export.inUse();
  }

  resize(size: number): Promise<void> {
    return this.#export.resize(size);
  }

  /** @throws TscryptError DEVICE_BUSY when it is in use, unless `force` */
  detach(options: { readonly force: boolean }): Promise<void> {
    return this.#export.detach(options);
  }

  /**
   * Stops answering, for a successor.
   *
   * @throws TscryptError NOT_SUPPORTED where the facility cannot do that
   */
  async leave(): Promise<void> {
    if (this.#export.leave) return await this.#export.leave();
    throw new TscryptError('NOT_SUPPORTED', `${this.node} cannot be handed over to another process.`, {
      details: { node: this.node, export: this.#export.kind },
    });
  }
}

function attachOptions(options: KernelDeviceOptions, identifier: string): AttachOptions {
  const { name, readOnly, directory, queues, log } = options;
  return { name, readOnly, directory, queues, identifier, log };
}

function exporterOf(state: KernelExportState, exporters: readonly KernelExporter[]): KernelExporter {
  const exporter = exporters.find(({ kind }) => kind === state.kind);
  if (exporter) return exporter;
  throw new TscryptError('NOT_SUPPORTED', `This version knows no export "${state.kind}".`, {
    details: { export: state.kind, node: state.node },
  });
}

function unavailable(
  choice: ExportChoice,
  reason: string | undefined,
  remedy: string | undefined,
): TscryptError {
  return new TscryptError('NOT_SUPPORTED', reason ?? `Export ${choice} is not available.`, {
    details: { export: choice },
    hint: remedy ?? 'See tscrypt doctor, or use --export socket.',
  });
}
