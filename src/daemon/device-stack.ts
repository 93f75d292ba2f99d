import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeviceMapper, type MappedDevice } from '../dm/index.ts';
import { TscryptError } from '../errors.ts';
import type { KernelExporter } from '../export/kernel-export.ts';
import type { QueueThreads } from '../export/queue-threads.ts';
import type { BackingDevices } from './backing-devices.ts';
import { claimDirectory, releaseDirectory } from './claim.ts';
import { controlHandlers } from './control-handlers.ts';
import { ControlServer } from './control-server.ts';
import { checkDeparture, closeDevices, stopServing } from './departure.ts';
import { DeviceServer } from './device-server.ts';
import { Elsewhere } from './elsewhere.ts';
import { MemberRecord } from './member-record.ts';
import { NumberClaims } from './number-claims.ts';
import type { SuccessionOrder } from './registration.ts';
import type { DeviceInfo } from './request.ts';
import { devicePaths } from './runtime-directory.ts';
import { secretsHandler } from './secrets-handlers.ts';
import { SecretsServer } from './secrets-server.ts';
import type { NewDeviceOrder, StackControl } from './stack-control.ts';
import { beingReplaced, type Member, StackMembers } from './stack-members.ts';
import { StackOperations } from './stack-operations.ts';
import { writeState } from './state-file.ts';
import { type Inhabitant, Succession } from './succession.ts';
import { dependency } from './table-names.ts';

export interface DeviceStackOptions {
  /** The runtime directory. */
  readonly root: string;
  readonly backing: BackingDevices;
  /** It is the one that devices share which ask for no other. */
  readonly common: boolean;
  /** What could not be protected; see `Protection.shortcomings`. */
  readonly shortcomings: readonly string[];
  /** What can show devices in the kernel; all of this build if not given. */
  readonly exporters?: readonly KernelExporter[] | undefined;
  /** Where the requests of a device's exports are served. */
  readonly queueThreads: (device: MappedDevice) => QueueThreads;
  /** Where failures go that nobody waits for. */
  readonly log: (error: unknown) => void;
}

const ATTEMPTS = 10;
const PAUSE_MS = 100;

/**
 * The mapped devices of one daemon, each with its directory and its sockets. They may lie upon each other. The
 * stack ends with its last device, or for a successor.
 */
export class DeviceStack implements StackControl {
  readonly operations: StackOperations;
  readonly #options: DeviceStackOptions;
  readonly #mapper: DeviceMapper;
  readonly #members: StackMembers;
  readonly #elsewhere: Elsewhere;
  /** How to forget at once the devices that are being made. */
  readonly #starting = new Set<() => void>();
  /** Devices that are being made or taken down. */
  #busy = 0;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Settles when the last device is gone; rejects with what the last flush of one met. */
  readonly ended: Promise<void>;

  constructor(options: DeviceStackOptions) {
    const { root, common, log } = options;
    this.#options = options;
    this.#elsewhere = new Elsewhere(root, options.backing);
    this.#mapper = new DeviceMapper({ openDevice: (name, how) => this.#elsewhere.open(name, how) });
    this.#members = new StackMembers({ root, common, log });
    this.operations = new StackOperations({
      root,
      mapper: this.#mapper,
      members: this.#members,
      elsewhere: this.#elsewhere,
    });
    this.ended = new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ended.catch(() => {});
  }

  async create(order: NewDeviceOrder): Promise<DeviceInfo> {
    if (this.#members.leaving) throw beingReplaced(order.request.name);
    return await this.#occupied(() => this.#create(order));
  }

  /** Takes over the devices of a daemon that has ended. What cannot be taken over is removed, and the rest goes on. */
  async succeed(order: SuccessionOrder): Promise<void> {
    await this.#occupied(async () => {
      await this.#members.registrar.succeed();
      await this.#succession(order).run();
      await this.#members.registrar.complete();
    });
  }

  /** Removes the devices of a daemon that has ended. */
  async discard(order: SuccessionOrder): Promise<void> {
    await this.#occupied(() => this.#succession(order).discard());
  }

  async replace({ force }: { readonly force: boolean }): Promise<void> {
    const { registrar } = this.#members;
    if (this.#members.leaving) return;
    const servers = this.#members.all.map(({ server }) => server);
    await checkDeparture(servers, { force });
    await registrar.begin();
    await registrar.leave();
    this.#members.leave();
    // Whoever asked is answered first.
    setImmediate(() => void this.#depart());
  }

  /** Gives up the devices that are being made, without waiting for anything: nothing is served of them yet. */
  abandonStarting(): void {
    for (const abandon of this.#starting) abandon();
  }

  /**
   * Takes all devices down, those that lie upon others first; clients of NBD sockets are disconnected. Where the kernel
   * uses one (a file system is mounted), nothing happens: what is in its cache would be lost.
   */
  async shutDown(): Promise<void> {
    const used = await this.#usedByKernel();
    if (used.length > 0) {
      this.#options.log(
        new TscryptError('DEVICE_BUSY', `Told to end, but ${used.join(', ')} is still in use.`, {
          details: { devices: used },
        }),
      );
      return;
    }
    while (this.#members.all.length > 0 && !this.#members.leaving) {
      const servers = this.#members.all.map(({ server }) => server);
      const results = await Promise.allSettled(servers.map((server) => server.close({ force: true })));
      for (const result of results) {
        if (result.status === 'rejected' && !isBusy(result.reason)) this.#options.log(result.reason);
      }
      // Those that could go are gone when their directories are.
      await Promise.allSettled(servers.map((server) => server.device.info.openCount === 0 && server.ended));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Who has only just let go of a device (umount, udev) is given a moment to be gone. */
  async #usedByKernel(): Promise<string[]> {
    for (let attempt = 1; ; attempt++) {
      const servers = this.#members.all.map(({ server }) => server);
      const used = await Promise.all(
        servers.map(async ({ kernel, name }) => ((await kernel.inUse()) ? [name] : [])),
      );
      if (used.flat().length === 0 || attempt === ATTEMPTS) return used.flat();
      await sleep(PAUSE_MS);
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
      const id = await claimDirectory(staging, paths.directory, name);
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
        await this.operations.prepare(device, table, { readOnly, workingDirectory });
        await device.resume();
      }
      return await this.#serve({ id, request, workingDirectory, paths, device, claims: taken });
    } catch (error) {
      await this.#undo(undo);
      throw error;
    } finally {
      this.#starting.delete(abandon);
    }
  }

  async #depart(): Promise<void> {
    const { log } = this.#options;
    const members = this.#members.all;
    const idle = await stopServing(members, log);
    // What a successor must know has been said, and the devices are about to be closed.
    this.#members.registrar.silence();
    if (idle) await closeDevices(members, this.#mapper, log);
    this.#settle?.resolve();
  }

  #succession(order: SuccessionOrder): Succession {
    return new Succession(order, {
      mapper: this.#mapper,
      exporters: this.#options.exporters,
      prepare: (device, table, source) => this.operations.prepare(device, table, source),
      serve: (inhabitant) => this.#serve(inhabitant),
      log: this.#options.log,
    });
  }

  /** Makes a device reachable. If that fails it is as it was. */
  async #serve(inhabitant: Inhabitant): Promise<DeviceInfo> {
    const { id, request, workingDirectory, paths, device, claims, attached } = inhabitant;
    const undo: (() => unknown)[] = [];
    try {
      const server = await DeviceServer.start({
        request,
        paths,
        device,
        remove: () => this.#mapper.remove(device),
        common: this.#options.common,
        dependency: (label) => dependency(label, (minor) => this.#nameOf(minor)),
        shortcomings: () => [...this.#options.shortcomings, ...this.#options.backing.shortcomings],
        queues: this.#options.queueThreads(device),
        exporters: this.#options.exporters,
        changed: () => this.#members.changed(device),
        log: this.#options.log,
        workingDirectory,
        attached,
      });
      server.geometry = inhabitant.geometry;
      undo.push(() => server.close({ force: true }));
      const control = new ControlServer(controlHandlers(this, server));
      const secrets = new SecretsServer(secretsHandler(this, server));
      undo.push(
        () => control.close(),
        () => secrets.close(),
      );
      writeState(paths, server.info);
      const record = new MemberRecord({ id, server, request, workingDirectory });
      const member = { server, control, secrets, claims, record };
      undo.push(() => this.#members.remove(member));
      await this.#members.add(member);
      await secrets.listen(paths.secretsSocket);
      await control.listen(paths.controlSocket);
      void server.ended.then(
        () => this.#leave(member),
        (error: unknown) => this.#leave(member, { error }),
      );
      return server.info;
    } catch (error) {
      await this.#undo(undo);
      throw error;
    }
  }

  async #leave(member: Member, failure?: { readonly error: unknown }): Promise<void> {
    await this.#occupied(async () => {
      if (failure) {
        this.#failure ??= failure;
        this.#options.log(failure.error);
      }
      await Promise.all([member.control.close(), member.secrets.close()]);
      await this.#members.remove(member);
      member.claims.release();
      releaseDirectory(member.server.paths.directory);
    });
  }

  /** The stack does not end while that goes on. */
  async #occupied<T>(operation: () => Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await operation();
    } finally {
      this.#busy--;
      this.#endIfEmpty();
    }
  }

  async #undo(steps: (() => unknown)[]): Promise<void> {
    for (const step of steps.reverse()) {
      try {
        await step();
      } catch (failure) {
        this.#options.log(failure);
      }
    }
  }

  #endIfEmpty(): void {
    const empty = (): boolean => this.#members.all.length === 0 && this.#busy === 0;
    if (!empty()) return;
    void this.#members.registrar.goodbye().then(() => {
      // Another one may have come meanwhile.
      if (!empty()) return;
      const failure = this.#failure;
      if (failure) this.#settle?.reject(failure.error);
      else this.#settle?.resolve();
    });
  }

  #nameOf(minor: number): string | undefined {
    return this.#mapper.findByMinor(minor)?.name ?? this.#elsewhere.nameOf(minor);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof TscryptError && error.code === 'DEVICE_BUSY';
}
