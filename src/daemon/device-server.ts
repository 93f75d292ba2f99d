import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatNbdUri } from '../block/index.ts';
import { MappedDevice } from '../dm/index.ts';
import { fromSystemError, TscryptError } from '../errors.ts';
import { NbdServer, type NbdTlsOptions } from '../export/nbd/index.ts';
import { formatTable } from '../table/index.ts';
import type { BackingDevices } from './backing-devices.ts';
import type { ActivationRequest, CloseOptions, DeviceInfo, ListenOptions } from './request.ts';
import type { DevicePaths } from './runtime-directory.ts';

/**
 * A mapped device and the NBD server that exports it, from activation to the orderly end. The life of a
 * daemon, without the process around it.
 */
export class DeviceServer {
  readonly #request: ActivationRequest;
  readonly #paths: DevicePaths;
  readonly #device: MappedDevice;
  readonly #nbd: NbdServer;
  readonly #shortcomings: readonly string[];
  #tcpUri: string | undefined;
  #deferred = false;
  #ending: Promise<void> | undefined;
  #ended: () => void = () => {};
  /** Settles when the device is closed, whoever asked for it; rejects with what failed on the way. */
  readonly ended: Promise<void>;

  private constructor(
    request: ActivationRequest,
    paths: DevicePaths,
    device: MappedDevice,
    nbd: NbdServer,
    shortcomings: readonly string[],
  ) {
    this.#request = request;
    this.#paths = paths;
    this.#device = device;
    this.#nbd = nbd;
    this.#shortcomings = shortcomings;
    this.ended = new Promise<void>((settle) => {
      this.#ended = settle;
    }).then(() => this.#ending);
    // Whoever closes is told of a failure as well.
    this.ended.catch(() => {});
  }

  /** Builds the table, opens its devices, and serves. Nothing stays open when it fails. */
  static async start(
    request: ActivationRequest,
    paths: DevicePaths,
    backing: BackingDevices,
    shortcomings: readonly string[],
    workingDirectory: string,
  ): Promise<DeviceServer> {
    const { name, uuid, table, readOnly = false, listen } = request;
    const tls = listen?.tls && (await readTls(listen.tls, workingDirectory));
    const device = await MappedDevice.create({
      name,
      ...(uuid !== '' && { uuid }),
      table,
      readOnly,
      openDevice: backing.open,
    });
    const nbd = new NbdServer({
      exports: [{ name, device, readOnly }],
      ...(tls && { tls }),
      onConnectionsChange: () => server.#endIfDeferred(),
    });
    const server = new DeviceServer(request, paths, device, nbd, [...shortcomings, ...backing.shortcomings]);
    try {
      await nbd.listenUnix(paths.nbdSocket);
      if (listen) {
        const { address, port } = await nbd.listenTcp(listen.host, listen.port);
        const tcp = { host: address, port };
        server.#tcpUri = formatNbdUri({ tls: tls !== undefined, address: tcp, exportName: name });
      }
      return server;
    } catch (error) {
      await server.close({ force: true }).catch(() => {});
      throw error;
    }
  }

  get info(): DeviceInfo {
    const { name, uuid, description = {} } = this.#request;
    const { nbdSocket } = this.#paths;
    return {
      name,
      uuid,
      pid: process.pid,
      size: this.#device.size,
      readOnly: this.#device.readOnly,
      suspended: this.#suspended,
      openCount: this.#nbd.connections(name),
      closeDeferred: this.#deferred,
      table: this.table(),
      uris: [
        formatNbdUri({ tls: false, address: { socket: nbdSocket }, exportName: name }),
        ...(this.#tcpUri ? [this.#tcpUri] : []),
      ],
      socket: nbdSocket,
      shortcomings: this.#shortcomings,
      description,
    };
  }

  /** The live table, keys hidden. */
  table(): string {
    return formatTable(this.#device.table());
  }

  suspend(flush: boolean): Promise<void> {
    return this.#device.suspend({ flush });
  }

  resume(): Promise<void> {
    return this.#device.resume();
  }

  message(sector: number, words: readonly string[]): Promise<string> {
    return this.#device.message(sector, words);
  }

  async flush(): Promise<void> {
    await this.#device.flush();
  }

  /**
   * Ends service: no new connections, requests under way finish, everything is made stable, the keys are
   * wiped, the devices below closed.
   *
   * @returns whether it is closed now; false when that was deferred
   * @throws TscryptError DEVICE_BUSY with clients connected and neither `deferred` nor `force`; what the first
   *   flush met, in which case the device stays (unless `force`)
   */
  async close(options: CloseOptions = {}): Promise<boolean> {
    if (options.cancelDeferred) {
      this.#deferred = false;
      return false;
    }
    // Closing fails as long as it still can without harm: before the clients are gone.
    if (!options.force && !this.#ending && !this.#suspended) await this.#flushBeforeClose();
    if (!this.#ending && this.#inUse && !options.force) {
      if (!options.deferred)
        throw new TscryptError('DEVICE_BUSY', `Device ${this.#request.name} is still in use.`, {
          details: { device: this.#request.name, openCount: this.#nbd.connections(this.#request.name) },
        });
      this.#deferred = true;
      return false;
    }
    await this.#end();
    return true;
  }

  async #flushBeforeClose(): Promise<void> {
    try {
      await this.#device.flush();
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

  get #suspended(): boolean {
    return this.#device.info.state === 'suspended';
  }

  get #inUse(): boolean {
    return this.#nbd.connections(this.#request.name) > 0;
  }

  #endIfDeferred(): void {
    if (this.#deferred && !this.#inUse) this.#end().catch(() => {});
  }

  #end(): Promise<void> {
    if (!this.#ending) {
      this.#deferred = false;
      this.#ending = this.#takeDown();
      this.#ended();
    }
    return this.#ending;
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
    // Requests held back by a suspend would keep their connections from finishing.
    if (this.#suspended) await step(() => this.#device.resume());
    this.#device.refuseWaiting();
    await step(() => this.#nbd.close());
    if (!this.#suspended) await step(() => this.#device.flush());
    await step(() => this.#device.close());
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
