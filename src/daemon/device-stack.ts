import { rmSync } from 'node:fs';
import { type BlockDevice, connectNbd } from '../block/index.ts';
import { DeviceMapper, type MappedDevice, type MappedReference, mappedReference } from '../dm/index.ts';
import { TscryptError } from '../errors.ts';
import type { KernelExporter } from '../export/kernel-export.ts';
import type { QueueThreads } from '../export/queue-threads.ts';
import type { TableSpec } from '../table/index.ts';
import type { BackingDevices } from './backing-devices.ts';
import { claimDirectory, moveTo, releaseDirectory } from './claim.ts';
import { controlHandlers } from './control-handlers.ts';
import { ControlServer } from './control-server.ts';
import { DeviceServer } from './device-server.ts';
import { NumberClaims } from './number-claims.ts';
import type { DeviceInfo } from './request.ts';
import { checkSocketPaths, devicePaths } from './runtime-directory.ts';
import { secretsHandler } from './secrets-handlers.ts';
import { SecretsServer } from './secrets-server.ts';
import type { NewDeviceOrder, StackControl } from './stack-control.ts';
import { type DeviceState, readStates, writeState } from './state-file.ts';
import { canonicalName, dependency } from './table-names.ts';

export interface DeviceStackOptions {
  /** The runtime directory. */
  readonly root: string;
  readonly backing: BackingDevices;
  /** It is the one that devices share which ask for no other. */
  readonly common: boolean;
  /** What could not be protected; see `Protection.shortcomings`. */
  readonly shortcomings: readonly string[];
  /** What can show devices in the kernel; all of this build if not given. */
  readonly exporters?: readonly KernelExporter[];
  /** Where the requests of a device's exports are served. */
  readonly queueThreads: (device: MappedDevice) => QueueThreads;
  /** Where failures go that nobody waits for. */
  readonly log: (error: unknown) => void;
}

/** A device with everything that makes it reachable. */
interface Member {
  readonly server: DeviceServer;
  readonly control: ControlServer;
  readonly secrets: SecretsServer;
  readonly claims: NumberClaims;
}

/**
 * The mapped devices of one daemon, each with its directory and its sockets. They may lie upon each other. The
 * stack ends with its last device.
 */
export class DeviceStack implements StackControl {
  readonly #options: DeviceStackOptions;
  readonly #mapper: DeviceMapper;
  readonly #members = new Map<MappedDevice, Member>();
  /** How to forget at once the devices that are being made. */
  readonly #starting = new Set<() => void>();
  /** Devices that are being made or taken down. */
  #busy = 0;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Settles when the last device is gone; rejects with what the last flush of one met. */
  readonly ended: Promise<void>;

  constructor(options: DeviceStackOptions) {
    this.#options = options;
    this.#mapper = new DeviceMapper({ openDevice: (name, how) => this.#openElsewhere(name, how) });
    this.ended = new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ended.catch(() => {});
  }

  async create(order: NewDeviceOrder): Promise<DeviceInfo> {
    this.#busy++;
    try {
      return await this.#create(order);
    } finally {
      this.#busy--;
      this.#endIfEmpty();
    }
  }

  async load(
    device: MappedDevice,
    table: TableSpec,
    options: { readonly readOnly?: boolean | undefined; readonly workingDirectory: string },
  ): Promise<void> {
    await this.#mapper.load(device, table, {
      ...(options.readOnly !== undefined && { readOnly: options.readOnly }),
      canonicalName: (name) =>
        canonicalName(name, options.workingDirectory, (reference) => this.#minorElsewhere(reference)),
    });
  }

  async wipeTable(device: MappedDevice, flush: boolean): Promise<void> {
    await this.#mapper.wipeTable(device, { flush });
  }

  async rename(device: MappedDevice, name: string): Promise<void> {
    const { server } = this.#member(device);
    const old = device.name;
    const paths = devicePaths(this.#options.root, name);
    checkSocketPaths(paths);
    await this.#mapper.rename(device, name);
    try {
      await moveTo(server.paths.directory, paths.directory, name);
    } catch (error) {
      await this.#mapper.rename(device, old);
      throw error;
    }
    server.renamed(old, paths);
    writeState(paths, server.info);
  }

  async setUuid(device: MappedDevice, uuid: string): Promise<void> {
    const { claims, server } = this.#member(device);
    if (device.uuid === undefined) await claims.takeUuid(uuid);
    await this.#mapper.setUuid(device, uuid);
    writeState(server.paths, server.info);
  }

  /** Gives up the devices that are being made, without waiting for anything: nothing is served of them yet. */
  abandonStarting(): void {
    for (const abandon of this.#starting) abandon();
  }

  /** Takes all devices down, those that lie upon others first; their clients are disconnected. */
  async shutDown(): Promise<void> {
    while (this.#members.size > 0) {
      const servers = [...this.#members.values()].map(({ server }) => server);
      const results = await Promise.allSettled(servers.map((server) => server.close({ force: true })));
      for (const result of results) {
        if (result.status === 'rejected' && !isBusy(result.reason)) this.#options.log(result.reason);
      }
      // Those that could go are gone when their directories are.
      await Promise.allSettled(servers.map((server) => server.device.info.openCount === 0 && server.ended));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #create({ request, staging, workingDirectory }: NewDeviceOrder): Promise<DeviceInfo> {
    const { root } = this.#options;
    const { name, uuid, minor, readOnly, table } = request;
    const paths = devicePaths(root, name);
    const undo: (() => unknown)[] = [() => rmSync(staging, { recursive: true, force: true })];
    let claims: NumberClaims | undefined;
    const abandon = (): void => {
      claims?.release();
      releaseDirectory(paths.directory);
      rmSync(staging, { recursive: true, force: true });
    };
    this.#starting.add(abandon);
    try {
      await claimDirectory(staging, paths.directory, name);
      undo.push(() => releaseDirectory(paths.directory));
      const taken = await NumberClaims.take(root, uuid, minor);
      claims = taken;
      undo.push(() => taken.release());
      const device = await this.#mapper.create({
        name,
        minor: taken.minor,
        readOnly,
        ...(uuid !== '' && { uuid }),
      });
      undo.push(() => this.#mapper.remove(device));
      if (table) {
        await this.load(device, table, { readOnly, workingDirectory });
        await device.resume();
      }
      const server = await DeviceServer.start({
        request,
        paths,
        device,
        remove: () => this.#mapper.remove(device),
        common: this.#options.common,
        dependency: (label) => dependency(label, (minor) => this.#nameOfMinor(minor)),
        shortcomings: () => [...this.#options.shortcomings, ...this.#options.backing.shortcomings],
        queues: this.#options.queueThreads(device),
        exporters: this.#options.exporters,
        changed: () => this.#changed(device),
        log: this.#options.log,
        workingDirectory,
      });
      undo.push(() => server.close({ force: true }));
      const control = new ControlServer(controlHandlers(this, server));
      const secrets = new SecretsServer(secretsHandler(this, server));
      undo.push(
        () => control.close(),
        () => secrets.close(),
      );
      writeState(paths, server.info);
      await secrets.listen(paths.secretsSocket);
      await control.listen(paths.controlSocket);
      const member = { server, control, secrets, claims: taken };
      this.#members.set(device, member);
      void server.ended.then(
        () => this.#leave(member),
        (error: unknown) => this.#leave(member, { error }),
      );
      return server.info;
    } catch (error) {
      for (const step of undo.reverse()) {
        try {
          await step();
        } catch (failure) {
          this.#options.log(failure);
        }
      }
      throw error;
    } finally {
      this.#starting.delete(abandon);
    }
  }

  async #leave(member: Member, failure?: { readonly error: unknown }): Promise<void> {
    this.#busy++;
    if (failure) {
      this.#failure ??= failure;
      this.#options.log(failure.error);
    }
    await Promise.all([member.control.close(), member.secrets.close()]);
    member.claims.release();
    releaseDirectory(member.server.paths.directory);
    this.#members.delete(member.server.device);
    this.#busy--;
    this.#endIfEmpty();
  }

  /** What others may know of a device that is complete. */
  #changed(device: MappedDevice): void {
    const server = this.#members.get(device)?.server;
    if (server) writeState(server.paths, server.info);
  }

  #endIfEmpty(): void {
    if (this.#members.size > 0 || this.#busy > 0) return;
    if (this.#failure) this.#settle?.reject(this.#failure.error);
    else this.#settle?.resolve();
  }

  #member(device: MappedDevice): Member {
    const member = this.#members.get(device);
    if (member) return member;
    throw new TscryptError('NO_SUCH_DEVICE', `Device ${device.name} is closing.`, {
      details: { device: device.name },
    });
  }

  /** What a table names that is no device of this stack: a device of another daemon, a file, a disk, an export. */
  async #openElsewhere(name: string, how: { readonly readOnly: boolean }): Promise<BlockDevice> {
    const reference = mappedReference(name);
    if (reference?.by !== 'minor') return await this.#options.backing.open(name, how);
    const uri = this.#stateOf(({ minor }) => minor === reference.minor)?.uris[0];
    if (uri !== undefined) return await connectNbd(uri, how);
    throw new TscryptError('NO_SUCH_DEVICE', `There is no mapped device ${name}.`, {
      errno: 'ENODEV',
      details: { device: name },
    });
  }

  #minorElsewhere(reference: MappedReference): number | undefined {
    switch (reference.by) {
      case 'minor':
        return reference.minor;
      case 'name':
        return this.#stateOf(({ name }) => name === reference.name)?.minor;
      default:
        return this.#stateOf(({ uuid }) => uuid === reference.uuid)?.minor;
    }
  }

  #nameOfMinor(minor: number): string | undefined {
    return this.#mapper.findByMinor(minor)?.name ?? this.#stateOf((state) => state.minor === minor)?.name;
  }

  #stateOf(matches: (state: DeviceState) => boolean): DeviceState | undefined {
    return readStates(this.#options.root).find(matches);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof TscryptError && error.code === 'DEVICE_BUSY';
}
