import type { DeviceMapper, MappedDevice } from '../dm/index.ts';
import type { TableSpec } from '../table/index.ts';
import { SECTOR_SIZE } from '../units.ts';
import { moveTo } from './claim.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { CloseOptions } from './request.ts';
import { checkSocketPaths, devicePaths } from './runtime-directory.ts';
import type { StackMembers } from './stack-members.ts';
import { writeState } from './state-file.ts';
import { canonicalName } from './table-names.ts';

export interface TableSource {
  readonly readOnly?: boolean | undefined;
  /** What relative paths in the table are relative to. */
  readonly workingDirectory: string;
}

export interface StackOperationsOptions {
  /** The runtime directory. */
  readonly root: string;
  readonly mapper: DeviceMapper;
  readonly members: StackMembers;
  readonly elsewhere: Elsewhere;
}

/**
 * What changes a device of a stack. Each operation returns when the supervisor, if there is one, knows what came of
 * it: a successor would have it so.
 */
export class StackOperations {
  readonly #options: StackOperationsOptions;

  constructor(options: StackOperationsOptions) {
    this.#options = options;
  }

  /** Loads a table into a device that is not reachable yet. */
  async prepare(device: MappedDevice, table: TableSpec, source: TableSource): Promise<void> {
    const { mapper, elsewhere } = this.#options;
    await mapper.load(device, table, {
      ...(source.readOnly !== undefined && { readOnly: source.readOnly }),
      canonicalName: (name) =>
        canonicalName(name, source.workingDirectory, (reference) => elsewhere.minorOf(reference)),
    });
  }

  /** @throws TscryptError as `MappedDevice.load` */
  async load(device: MappedDevice, table: TableSpec, source: TableSource): Promise<void> {
    await this.#tables(device, () => this.prepare(device, table, source));
  }

  async clear(device: MappedDevice): Promise<void> {
    await this.#tables(device, () => device.clear());
  }

  async suspend(device: MappedDevice, how: { readonly flush: boolean }): Promise<void> {
    await this.change(device, () => device.suspend(how));
  }

  async resume(device: MappedDevice, how: { readonly flush: boolean }): Promise<void> {
    const { server } = this.#options.members.get(device);
    await this.#exchange(device, undefined, async () => {
      await device.resume(how);
      await server.kernel.tableChanged();
    });
  }

  async wipeTable(device: MappedDevice, how: { readonly flush: boolean }): Promise<void> {
    const wiped = [{ start: 0, length: device.size / SECTOR_SIZE, type: 'error', args: [] }];
    await this.#exchange(device, wiped, () => this.#options.mapper.wipeTable(device, how));
  }

  /** @throws TscryptError DEVICE_EXISTS when the name is taken; INVALID_ARGUMENT when it is no name */
  async rename(device: MappedDevice, name: string): Promise<void> {
    const { root, mapper, members } = this.#options;
    const { server } = members.get(device);
    const old = device.name;
    const paths = devicePaths(root, name);
    checkSocketPaths(paths);
    await this.change(device, async () => {
      await mapper.rename(device, name);
      let linked = false;
      try {
        await server.kernel.rename(old, name);
        linked = true;
        await moveTo(server.paths.directory, paths.directory, name);
      } catch (error) {
        // What failed by itself has changed nothing, and must not be taken back.
        if (linked) await server.kernel.rename(name, old);
        await mapper.rename(device, old);
        throw error;
      }
      server.renamed(old, paths);
      writeState(paths, server.info);
    });
  }

  /** @throws TscryptError DEVICE_EXISTS when another device has the UUID, INVALID_ARGUMENT when it has one */
  async setUuid(device: MappedDevice, uuid: string): Promise<void> {
    const { mapper, members } = this.#options;
    const { claims, server } = members.get(device);
    await this.change(device, async () => {
      if (device.uuid === undefined) await claims.takeUuid(uuid);
      await mapper.setUuid(device, uuid);
      writeState(server.paths, server.info);
    });
  }

  /** @returns as `DeviceServer.close` */
  async close(device: MappedDevice, options: CloseOptions): Promise<boolean> {
    const { members } = this.#options;
    const member = members.get(device);
    return await this.change(device, async () => {
      const closed = await member.server.close(options);
      // Nobody who was told that it is closed must see it come again.
      if (closed) await members.remove(member);
      return closed;
    });
  }

  /** Anything else that a successor has to know. */
  async change<T>(device: MappedDevice, operation: () => Promise<T> | T): Promise<T> {
    const { members } = this.#options;
    const member = members.get(device);
    try {
      return await operation();
    } finally {
      await members.register(member);
    }
  }

  /** Puts another table into a slot: one such operation at a time. */
  async #tables(device: MappedDevice, operation: () => Promise<void>): Promise<void> {
    const { members } = this.#options;
    await members.tablesOf(device).run(() => this.change(device, operation));
  }

  /** Makes the inactive table, or `next`, the live one. The supervisor knows that before requests go through it. */
  async #exchange(
    device: MappedDevice,
    next: TableSpec | undefined,
    operation: () => Promise<void>,
  ): Promise<void> {
    const { members } = this.#options;
    await this.#tables(device, async () => {
      const member = members.get(device);
      const done = member.record.exchanging(next);
      try {
        await members.register(member);
        await operation();
      } finally {
        done();
      }
    });
  }
}
