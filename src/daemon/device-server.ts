import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type BlockDevice, formatNbdUri } from '../block/index.ts';
import { DM_MAJOR } from '../dm/device-numbers.ts';
import type { MappedDevice } from '../dm/index.ts';
import { fromSystemError, TscryptError } from '../errors.ts';
import type { KernelExporter } from '../export/kernel-export.ts';
import { NbdServer, type NbdTlsOptions } from '../export/nbd/index.ts';
import type { QueueThreads } from '../export/queue-threads.ts';
import { formatTable } from '../table/index.ts';
import { SECTOR_SIZE } from '../units.ts';
import type { KernelDeviceState } from './kernel-device.ts';
import { KernelExportSlot } from './kernel-export-slot.ts';
import type {
  ActivationRequest,
  CloseOptions,
  Dependency,
  DeviceInfo,
  Geometry,
  ListenOptions,
} from './request.ts';
import type { DevicePaths } from './runtime-directory.ts';

export interface DeviceServerOptions {
  readonly request: ActivationRequest;
  readonly paths: DevicePaths;
  readonly device: MappedDevice;
  /** Takes the device out of its mapper and closes it. */
  readonly remove: () => Promise<void>;
  /** What {@link DeviceInfo.common} says. */
  readonly common: boolean;
  readonly dependency: (label: string) => Dependency;
  readonly shortcomings: () => readonly string[];
  /** Where requests that come from the kernel are served. */
  readonly queues: QueueThreads;
  /** What can show the device in the kernel; all of this build if not given. */
  readonly exporters?: readonly KernelExporter[] | undefined;
  /** What others may know of the device has changed. */
  readonly changed: () => void;
  /** Where failures go that nobody waits for. */
  readonly log: (error: unknown) => void;
  /** What paths of TLS files are relative to. */
  readonly workingDirectory: string;
  /** What a predecessor had attached to the kernel, to be taken over. */
  readonly attached?: KernelDeviceState | undefined;
}

/** How long requests under way may take to finish when the device is closed. */
const PATIENCE_MS = 5_000;

/** How often a device that is to be closed when it is no longer used is asked whether it still is. */
const DEFERRED_INTERVAL_MS = 500;

/** VM_READAHEAD_PAGES of the kernel, in sectors. */
const READ_AHEAD = 256;

/**
 * A mapped device and the NBD server that exports it, from activation to the orderly end. The life of a
 * device in a daemon, without the process around it.
 */
export class DeviceServer {
  readonly device: MappedDevice;
  geometry: Geometry | undefined;
  readonly #options: DeviceServerOptions;
  readonly #nbd: NbdServer;
  /** The block device of the kernel that shows this one, if there is one. */
  readonly kernel: KernelExportSlot;
  #paths: DevicePaths;
  /** One use of the device for each NBD connection. */
  readonly #connections: BlockDevice[] = [];
  #tcpUri: string | undefined;
  #ending: Promise<void> | undefined;
  #ended: () => void = () => {};
  /** Settles when the device is closed, whoever asked for it; rejects with what failed on the way. */
  readonly ended: Promise<void>;

  private constructor(options: DeviceServerOptions, tls: NbdTlsOptions | undefined) {
    const { request, device } = options;
    this.#options = options;
    this.#paths = options.paths;
    this.device = device;
    this.#nbd = new NbdServer({
      exports: [{ name: request.name, device, readOnly: request.readOnly ?? false }],
      ...(tls && { tls }),
      queues: () => options.queues,
      onError: options.log,
      onConnectionsChange: (_, count) => this.#countConnections(count),
    });
    this.kernel = new KernelExportSlot({
      choice: request.export ?? 'socket',
      device,
      readOnly: request.readOnly ?? false,
      queues: options.queues,
      exporters: options.exporters,
      directory: () => this.#paths.directory,
      changed: options.changed,
      log: options.log,
    });
    this.ended = new Promise<void>((settle) => {
      this.#ended = settle;
    }).then(() => this.#ending);
    // Whoever closes is told of a failure as well.
    this.ended.catch(() => {});
  }

  /** Serves the device. The device stays as it is when that fails. */
  static async start(options: DeviceServerOptions): Promise<DeviceServer> {
    const { listen, name } = options.request;
    const tls = listen?.tls && (await readTls(listen.tls, options.workingDirectory));
    const server = new DeviceServer(options, tls);
    try {
      await server.#nbd.listenUnix(options.paths.nbdSocket);
      if (listen) {
        const { address, port } = await server.#nbd.listenTcp(listen.host, listen.port);
        const tcp = { host: address, port };
        server.#tcpUri = formatNbdUri({ tls: tls !== undefined, address: tcp, exportName: name });
      }
      if (options.attached) await server.kernel.succeed(options.attached);
      else await server.kernel.tableChanged();
      return server;
    } catch (error) {
      await server.kernel.detach({ force: true }).catch(options.log);
      await server.#nbd.close();
      throw error;
    }
  }

  get name(): string {
    return this.device.name;
  }

  get paths(): DevicePaths {
    return this.#paths;
  }

  get info(): DeviceInfo {
    const { info, limits } = this.device;
    const { request, common, dependency, shortcomings } = this.#options;
    const { nbdSocket } = this.#paths;
    return {
      name: info.name,
      uuid: info.uuid ?? '',
      major: DM_MAJOR,
      minor: info.minor,
      pid: process.pid,
      common,
      size: this.device.size,
      readOnly: info.readOnly,
      suspended: info.state === 'suspended',
      tables: info.tables,
      openCount: info.openCount,
      eventNumber: info.eventNumber,
      targetCount: info.targetCount,
      targetTypes: [...new Set(this.device.status().map(({ type }) => type))],
      closeDeferred: info.deferredRemove,
      readAhead: Math.max(READ_AHEAD, (2 * limits.ioOpt) / SECTOR_SIZE),
      dependencies: info.dependencies.map(dependency),
      table: formatTable(this.device.table()),
      uris: [
        formatNbdUri({ tls: false, address: { socket: nbdSocket }, exportName: info.name }),
        ...(this.#tcpUri ? [this.#tcpUri] : []),
      ],
      socket: nbdSocket,
      export: this.kernel.info,
      shortcomings: shortcomings(),
      ...(this.geometry && { geometry: this.geometry }),
      description: request.description ?? {},
    };
  }

  /** The same, with what has to be asked for. */
  async inspect(): Promise<DeviceInfo> {
    const exported = await this.kernel.inspect();
    const { info } = this;
    return { ...info, export: exported, openCount: info.openCount + (exported.inUse ? 1 : 0) };
  }

  /** It is being closed. */
  get ending(): boolean {
    return this.#ending !== undefined;
  }

  /** NBD connections. */
  get connections(): number {
    return this.#connections.length;
  }

  /**
   * For a successor: what the kernel shows waits for it, clients are disconnected when their requests are done. The
   * device itself stays.
   */
  async leave(): Promise<void> {
    await Promise.all([this.kernel.leave(), this.#nbd.close()]);
  }

  /** The device has been renamed, and its directory with it. Connected clients notice nothing. */
  renamed(from: string, paths: DevicePaths): void {
    this.#paths = paths;
    this.#nbd.renameExport(from, this.device.name);
  }

  /**
   * Ends service: no new connections, requests under way finish, everything is made stable, the keys are
   * wiped, the devices below closed.
   *
   * @returns whether it is closed now; false when that was deferred
   * @throws TscryptError DEVICE_BUSY when it is in use and neither `deferred` nor `force` (which does not help
   *   against a device above); what the first flush met, in which case the device stays (unless `force`)
   */
  async close(options: CloseOptions = {}): Promise<boolean> {
    const { force = false } = options;
    if (options.cancelDeferred) {
      this.device.deferRemoval(undefined);
      return false;
    }
    // Closing fails as long as it still can without harm: before the clients are gone.
    if (!force && !this.#ending && this.#flushes) await this.#flushBeforeClose();
    if (!this.#ending && !(await this.#letGo(force))) {
      if (!options.deferred) throw this.#busy();
      this.#closeWhenUnused();
      return false;
    }
    await this.#end();
    return true;
  }

  /**
   * Takes the kernel's device away, which nobody must be using. While suspended that comes later: what the kernel
   * has in its cache could not be written now.
   *
   * @returns false when the device is in use
   */
  async #letGo(force: boolean): Promise<boolean> {
    if (this.#inUse(force)) return false;
    if (!force && (await this.kernel.inUse())) return false;
    if (this.#suspended) return true;
    try {
      await this.kernel.detach({ force });
    } catch (error) {
      if (error instanceof TscryptError && error.code === 'DEVICE_BUSY') return false;
      throw error;
    }
    // A client may have come while that took its time.
    return !this.#inUse(force);
  }

  #closeWhenUnused(): void {
    const due = (): boolean => !this.#ending && this.device.info.deferredRemove;
    const attempt = async (): Promise<void> => {
      if (!due()) return;
      if (!(await this.#letGo(false))) again();
      else if (due()) await this.#end();
    };
    const start = (): void => {
      attempt().catch(this.#options.log);
    };
    // The device tells when its last use ends; nobody tells when that of a device of the kernel does.
    const again = (): void => {
      if (this.device.info.openCount === 0) setTimeout(start, DEFERRED_INTERVAL_MS).unref();
    };
    this.device.deferRemoval(start);
    again();
  }

  #busy(): TscryptError {
    const { openCount } = this.device.info;
    return new TscryptError('DEVICE_BUSY', `Device ${this.name} is still in use.`, {
      details: {
        device: this.name,
        openCount,
        ...(this.kernel.info.node && { node: this.kernel.info.node }),
      },
    });
  }

  async #flushBeforeClose(): Promise<void> {
    try {
      await this.device.flush();
    } catch (error) {
      const { code, message, errno, details } = fromSystemError(error, 'Cannot flush');
      throw new TscryptError(code, message, {
        errno,
        details,
        hint: `The device stays open. To give up what could not be stored, end its daemon: kill ${process.pid}`,
        cause: error,
      });
    }
  }

  /**
   * A flush gets through: there is a table, and neither this device nor one below is suspended. What was written to
   * one below is its own to make stable, which goes on.
   */
  get #flushes(): boolean {
    return this.device.info.tables.live && !this.device.suspended;
  }

  get #suspended(): boolean {
    return this.device.info.state === 'suspended';
  }

  #inUse(force: boolean): boolean {
    return this.device.info.openCount > (force ? this.#connections.length : 0);
  }

  #countConnections(count: number): void {
    while (this.#connections.length < count) this.#connections.push(this.device.open());
    while (this.#connections.length > count) void this.#connections.pop()?.close();
  }

  #end(): Promise<void> {
    if (!this.#ending) {
      this.device.deferRemoval(undefined);
      this.#ending = this.#takeDown();
      this.#ended();
    }
    return this.#ending;
  }

  #letGoOfRequests(): void {
    const suspended = this.device.suspend().then(() => this.device.refuseWaiting());
    // What the flush met is met again when the device is closed.
    suspended.catch(() => {});
  }

  async #takeDown(): Promise<void> {
    const failures: unknown[] = [];
    const step = async (action: () => unknown): Promise<void> => {
      try {
        await action();
      } catch (error) {
        failures.push(error);
      }
    };
    await step(() => this.device.clear());
    // Requests held back by a suspend would keep their connections from finishing.
    if (this.#suspended && this.device.info.tables.live) await step(() => this.device.resume());
    this.device.refuseWaiting();
    await step(() => this.kernel.detach({ force: true }));
    // A target may hold requests for as long as it has no path: they fail when it is suspended.
    const held = setTimeout(() => this.#letGoOfRequests(), PATIENCE_MS);
    await step(() => this.#nbd.close());
    clearTimeout(held);
    if (this.#flushes) await step(() => this.device.flush());
    await step(() => this.#options.remove());
    if (failures.length > 0) throw failures[0];
  }
}

async function readTls(
  files: NonNullable<ListenOptions['tls']>,
  workingDirectory: string,
): Promise<NbdTlsOptions> {
  const read = (path: string): Promise<Buffer> => readFile(resolve(workingDirectory, path));
  try {
    const [cert, key, ca] = await Promise.all([
      read(files.certificate),
      read(files.key),
      files.ca === undefined ? undefined : read(files.ca),
    ]);
    return { cert, key, ...(ca && { ca }) };
  } catch (error) {
    throw fromSystemError(error, 'Cannot read the TLS files');
  }
}
