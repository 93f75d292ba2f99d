import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DeviceMapper, type MappedDevice, mappedReference } from '../dm/index.ts';
import { TscryptError } from '../errors.ts';
import type { KernelExporter } from '../export/kernel-export.ts';
import type { TableSpec } from '../table/index.ts';
import { deviceDirectories, releaseDirectory, succeed } from './claim.ts';
import { KernelDevice, type KernelDeviceState } from './kernel-device.ts';
import { recordedKernelDevice } from './kernel-record.ts';
import { NumberClaims } from './number-claims.ts';
import type { DeviceRegistration, SuccessionOrder } from './registration.ts';
import type { ActivationRequest, Geometry } from './request.ts';
import { type DevicePaths, devicePaths } from './runtime-directory.ts';
import type { TableSource } from './stack-operations.ts';

/** A device in its directory, with what it claimed: all it takes to make it reachable. */
export interface Inhabitant {
  /** Of the directory. */
  readonly id: string;
  readonly request: ActivationRequest;
  readonly workingDirectory: string;
  readonly paths: DevicePaths;
  readonly device: MappedDevice;
  readonly claims: NumberClaims;
  /** What a predecessor had attached to the kernel. */
  readonly attached?: KernelDeviceState | undefined;
  readonly geometry?: Geometry | undefined;
  /** It is to be closed when it is no longer used. */
  readonly closeDeferred?: boolean;
}

/** What succession needs of the stack that the devices come into. */
export interface SuccessionHost {
  readonly mapper: DeviceMapper;
  readonly exporters: readonly KernelExporter[] | undefined;
  readonly prepare: (device: MappedDevice, table: TableSpec, source: TableSource) => Promise<void>;
  /** @throws TscryptError what is wrong; of the service nothing is left then */
  readonly serve: (inhabitant: Inhabitant) => Promise<unknown>;
  readonly log: (error: unknown) => void;
}

/** A device that is being taken over, and how far that has got. */
interface Heir {
  readonly registration: DeviceRegistration;
  /** The directory, as it is called now: the daemon may have died while it renamed the device. */
  readonly paths: DevicePaths | undefined;
  claims?: NumberClaims;
  device?: MappedDevice;
}

/** How long what a dead process had open may stay so. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 50;

/**
 * Goes on with devices whose daemon has ended: takes their names and numbers over, builds them again from the bottom
 * up, and takes over what the kernel shows of them. A device with which that cannot be done is removed, so that its
 * users get errors instead of waiting for ever; the others are not affected.
 */
export class Succession {
  readonly #order: SuccessionOrder;
  readonly #host: SuccessionHost;
  #heirs: Heir[];
  /** Directories of devices that were being made: nobody was told of them. */
  readonly #others: readonly DevicePaths[];

  constructor(order: SuccessionOrder, host: SuccessionHost) {
    this.#order = order;
    this.#host = host;
    const { heirs, others } = takeDirectories(order);
    this.#heirs = heirs;
    this.#others = others;
  }

  /** Never rejects: what cannot be taken over is removed, and why is in the log. */
  async run(): Promise<void> {
    await this.#removeOthers();
    await this.#each((heir) => this.#create(heir));
    this.#heirs = bottomUp(this.#heirs);
    await this.#each((heir) => this.#makeLive(heir));
    await this.#each((heir) => this.#loadInactive(heir));
    // From the top down, and not before: a suspended device lets nothing through that is built upon it.
    for (const { device, registration } of [...this.#heirs].reverse())
      if (registration.suspended) await device?.suspend({ flush: false });
    await this.#each((heir) => this.#giveMessages(heir));
    await this.#each((heir) => this.#serve(heir));
  }

  /** Removes what the devices left in the kernel and in the runtime directory; none of them goes on. */
  async discard(): Promise<void> {
    await this.#removeOthers();
    for (const heir of this.#heirs) await this.#remove(heir);
  }

  /** Goes one step with each device, and on with those that got through it. */
  async #each(step: (heir: Heir) => Promise<void>): Promise<void> {
    const through: Heir[] = [];
    for (const heir of this.#heirs) {
      try {
        await step(heir);
        through.push(heir);
      } catch (error) {
        this.#host.log(error);
        await this.#remove(heir);
      }
    }
    this.#heirs = through;
  }

  async #create(heir: Heir): Promise<void> {
    const { root, predecessors } = this.#order;
    const { registration, paths } = heir;
    const { name, uuid, minor, request, eventNumber } = registration;
    if (!paths) {
      throw new TscryptError('NO_SUCH_DEVICE', `The directory of ${name} is gone.`, { details: { name } });
    }
    // What a write that was cut short would leave.
    rmSync(`${paths.state}.new`, { force: true });
    heir.claims = await NumberClaims.succeed(root, { uuid, minor }, predecessors);
    heir.device = await this.#host.mapper.create({
      name: basename(paths.directory),
      minor,
      readOnly: request.readOnly,
      ...(uuid !== '' && { uuid }),
      eventNumber,
    });
  }

  async #makeLive({ device, registration: { live, workingDirectory } }: Heir): Promise<void> {
    if (!device || !live) return;
    const how = { readOnly: live.readOnly, workingDirectory };
    for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(PAUSE_MS)) {
      try {
        await this.#host.prepare(device, live.lines, how);
        break;
      } catch (error) {
        if (!mayPass(error) || Date.now() > deadline) throw error;
      }
    }
    await device.resume();
  }

  /** Without this table the device is still what its users have. */
  async #loadInactive({ device, registration: { inactive, workingDirectory } }: Heir): Promise<void> {
    if (!device || !inactive) return;
    try {
      await this.#host.prepare(device, inactive.lines, { readOnly: inactive.readOnly, workingDirectory });
    } catch (error) {
      this.#host.log(error);
    }
  }

  async #giveMessages({ device, registration: { messages } }: Heir): Promise<void> {
    for (const { sector, words } of messages) await device?.message(sector, words);
  }

  async #serve({ registration, paths, claims, device }: Heir): Promise<void> {
    if (!paths || !claims || !device) return;
    const { id, request, uuid, minor, workingDirectory, kernel, geometry, closeDeferred } = registration;
    await this.#host.serve({
      id,
      request: { ...request, name: device.name, uuid, minor },
      workingDirectory,
      paths,
      device,
      claims,
      attached: kernel,
      geometry,
      closeDeferred,
    });
  }

  async #removeOthers(): Promise<void> {
    for (const { directory } of this.#others) {
      await this.#removeFromKernel(basename(directory), recordedKernelDevice(directory));
      releaseDirectory(directory);
    }
  }

  async #removeFromKernel(name: string, state: KernelDeviceState | undefined): Promise<void> {
    try {
      if (state) await KernelDevice.remove(name, state, this.#host.exporters);
    } catch (error) {
      this.#host.log(error);
    }
  }

  async #remove({ registration, paths, claims, device }: Heir): Promise<void> {
    const { name: registered, kernel } = registration;
    const { log, mapper } = this.#host;
    try {
      if (device) await mapper.remove(device);
    } catch (error) {
      log(error);
    }
    const name = paths ? basename(paths.directory) : registered;
    await this.#removeFromKernel(name, kernel);
    claims?.release();
    if (paths) releaseDirectory(paths.directory);
  }
}

/** Takes over what directories are the predecessors'. */
function takeDirectories({ root, predecessors, devices }: SuccessionOrder): {
  heirs: Heir[];
  others: DevicePaths[];
} {
  const taken = new Map<string, DevicePaths>();
  for (const name of deviceDirectories(root)) {
    const paths = devicePaths(root, name);
    const id = succeed(paths.directory, predecessors);
    if (id !== undefined) taken.set(id, paths);
  }
  const heirs = devices.map((registration) => {
    const paths = taken.get(registration.id);
    taken.delete(registration.id);
    return { registration, paths };
  });
  return { heirs, others: [...taken.values()] };
}

/** Each after those that its live table lies upon. */
function bottomUp(heirs: readonly Heir[]): Heir[] {
  const byMinor = new Map(heirs.map((heir) => [heir.registration.minor, heir]));
  const ordered = new Set<Heir>();
  const visit = (heir: Heir): void => {
    for (const minor of minorsIn(heir.registration.live?.lines ?? [])) {
      const below = byMinor.get(minor);
      byMinor.delete(minor);
      if (below) visit(below);
    }
    ordered.add(heir);
  };
  for (const heir of heirs) visit(heir);
  return [...ordered];
}

/** The mapped devices that a table names, as it prints them. */
function minorsIn(lines: TableSpec): number[] {
  return lines.flatMap(({ args }) =>
    args.flatMap((arg) => {
      const reference = typeof arg === 'string' ? mappedReference(arg) : undefined;
      return reference?.by === 'minor' ? reference.minor : [];
    }),
  );
}

/** What a process that has just ended had open may stay so for a moment; so may a daemon below be away. */
function mayPass(error: unknown): boolean {
  return error instanceof TscryptError && (error.code === 'DEVICE_BUSY' || error.code === 'CONNECTION_LOST');
}
