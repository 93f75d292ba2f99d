import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError, TscryptError } from '../../errors.ts';
import { addressOf, systemError, Uring } from '../../sys/index.ts';
import * as abi from './abi.ts';

/** Milliseconds that the last holder of a device is waited for, where the kernel does not leave the choice. */
const DELETE_PATIENCE = 1000;

const ENODEV = 19;
const ENOENT = 2;
const EINVAL = 22;
const EBUSY = 16;
const EOPNOTSUPP = 95;

export interface DeviceRequest {
  readonly queues: number;
  readonly depth: number;
  readonly maxIo: number;
  readonly flags: number;
  readonly mark: number;
}

export interface ControlOptions {
  /** Speak as kernels before 6.4 understand it. */
  readonly legacy?: boolean;
}

/**
 * Commands to ublk's driver. It refuses to do any of them in the caller's own thread, so the kernel hands them to
 * threads of its own: the event loop goes on while they wait, even for requests that this process has to serve.
 */
export class UblkControl {
  readonly legacy: boolean;
  /** UBLK_F_… that the kernel offers; undefined where it cannot be asked. */
  readonly features: number | undefined;
  readonly #fd: number;
  readonly #ring: Uring;

  /**
   * @throws TscryptError NO_SUCH_DEVICE (the driver is not loaded), PERMISSION_DENIED, NOT_SUPPORTED (no io_uring)
   */
  static async open(options: ControlOptions = {}): Promise<UblkControl> {
    const ring = Uring.create({ entries: 8, completions: 32, wide: true });
    if (!ring) throw new TscryptError('NOT_SUPPORTED', 'io_uring, which ublk needs, is not to be had.');
    let fd: number;
    try {
      fd = openSync(abi.CONTROL_NODE, 'r+');
    } catch (error) {
      ring.close();
      throw fromSystemError(error, `Cannot open ${abi.CONTROL_NODE}`);
    }
    try {
      // Newer kernels answer, older ones do not know the question, which comes in the newer form.
      const probe = new UblkControl(fd, ring, false, undefined);
      const answer = Buffer.allocUnsafeSlow(128).fill(0);
      const result = await probe.#command(abi.GET_FEATURES, 0, { payload: answer, length: 8 });
      const known = result >= 0 && !options.legacy;
      // Bits beyond the 53rd are not among those used here.
      const features = Number(answer.readBigUInt64LE(0) & 0xf_ffff_ffff_ffffn);
      return new UblkControl(fd, ring, !known, known ? features : undefined);
    } catch (error) {
      ring.close();
      closeSync(fd);
      throw error;
    }
  }

  private constructor(fd: number, ring: Uring, legacy: boolean, features: number | undefined) {
    this.#fd = fd;
    this.#ring = ring;
    this.legacy = legacy;
    this.features = features;
  }

  /** Whether the kernel says that it has this feature. */
  has(feature: number): boolean {
    // No bit operators: there are more than 32.
    return this.features !== undefined && Math.floor(this.features / feature) % 2 === 1;
  }

  /** @returns what the kernel made of the request: fewer queues, fewer flags */
  async add(request: DeviceRequest): Promise<abi.DeviceInfo> {
    const payload = Buffer.allocUnsafeSlow(128);
    const padding = { pad0: undefined, pad1: undefined, reserved: undefined };
    const none = { ...padding, state: 0, pid: 0, ownerUid: 0, ownerGid: 0 };
    abi.DeviceInfo.encodeInto(payload, { ...none, ...request, id: abi.ANY_DEVICE });
    await this.#must('ADD_DEV', abi.ADD_DEV, abi.ANY_DEVICE, { payload, length: abi.DeviceInfo.size });
    return abi.DeviceInfo.decode(payload);
  }

  /** @param unprivileged whose path has to be told */
  async info(id: number, unprivileged = false): Promise<abi.DeviceInfo | undefined> {
    const payload = Buffer.allocUnsafeSlow(128).fill(0);
    const command = unprivileged ? abi.GET_DEV_INFO2 : abi.GET_DEV_INFO;
    const options = { payload, length: abi.DeviceInfo.size, unprivileged };
    const result = await this.#command(command, id, options);
    if (result === -ENODEV || result === -ENOENT) return undefined;
    if (result < 0) throw failed('GET_DEV_INFO', id, result);
    return abi.DeviceInfo.decode(payload);
  }

  async setParameters({ id, flags }: abi.DeviceInfo, parameters: abi.Parameters): Promise<void> {
    const payload = Buffer.allocUnsafeSlow(128);
    abi.Parameters.encodeInto(payload, { ...parameters, length: abi.PARAMETERS_TO_SET });
    const options = { payload, length: abi.PARAMETERS_TO_SET, unprivileged: isUnprivileged(flags) };
    await this.#must('SET_PARAMS', abi.SET_PARAMS, id, options);
  }

  async parameters({ id, flags }: abi.DeviceInfo): Promise<abi.Parameters> {
    const payload = Buffer.allocUnsafeSlow(128).fill(0);
    payload.writeUInt32LE(abi.Parameters.size, 0);
    const options = { payload, length: abi.Parameters.size, unprivileged: isUnprivileged(flags) };
    await this.#must('GET_PARAMS', abi.GET_PARAMS, id, options);
    return abi.Parameters.decode(payload);
  }

  /** Returns when the disk is there and its partitions are known, which takes queues that are served. */
  async start(device: abi.DeviceInfo): Promise<void> {
    await this.#simple('START_DEV', abi.START_DEV, device, process.pid);
  }

  /** Ends the disk, whoever uses it; returns when all queues have been told. */
  async stop(device: abi.DeviceInfo): Promise<void> {
    await this.#simple('STOP_DEV', abi.STOP_DEV, device);
  }

  /** @returns false when somebody has the disk open */
  async tryStop(device: abi.DeviceInfo): Promise<boolean> {
    const result = await this.#command(abi.TRY_STOP_DEV, device.id, {
      unprivileged: isUnprivileged(device.flags),
    });
    if (result < 0 && result !== -EBUSY) throw failed('TRY_STOP_DEV', device.id, result);
    return result !== -EBUSY;
  }

  /**
   * Deletes the device as soon as nobody holds it any more. This does not wait for that, which may never come; older
   * kernels do, but go on deleting when the command is interrupted, as it is when this control is closed.
   */
  async delete({ id, flags }: abi.DeviceInfo): Promise<void> {
    const options = { unprivileged: isUnprivileged(flags) };
    if (!this.legacy) {
      const result = await this.#command(abi.DEL_DEV_ASYNC, id, options);
      if (result >= 0 || result === -ENODEV) return;
      if (result !== -EINVAL && result !== -EOPNOTSUPP) throw failed('DEL_DEV_ASYNC', id, result);
    }
    const waited = sleep(DELETE_PATIENCE, 0, { ref: false });
    const result = await Promise.race([this.#command(abi.DEL_DEV, id, options), waited]);
    if (result < 0 && result !== -ENODEV) throw failed('DEL_DEV', id, result);
  }

  /** @returns false while the process that served it is not quite gone */
  async startRecovery(device: abi.DeviceInfo): Promise<boolean> {
    const result = await this.#command(abi.START_USER_RECOVERY, device.id, {
      unprivileged: isUnprivileged(device.flags),
    });
    if (result < 0 && result !== -EBUSY) throw failed('START_USER_RECOVERY', device.id, result);
    return result !== -EBUSY;
  }

  async endRecovery(device: abi.DeviceInfo): Promise<void> {
    await this.#simple('END_USER_RECOVERY', abi.END_USER_RECOVERY, device, process.pid);
  }

  async resize(device: abi.DeviceInfo, sectors: number): Promise<void> {
    await this.#simple('UPDATE_SIZE', abi.UPDATE_SIZE, device, sectors);
  }

  /** Commands under way are interrupted and never return. */
  close(): void {
    this.#ring.close();
    closeSync(this.#fd);
  }

  async #simple(name: string, command: number, device: abi.DeviceInfo, data = 0): Promise<void> {
    await this.#must(name, command, device.id, { data, unprivileged: isUnprivileged(device.flags) });
  }

  async #must(name: string, command: number, id: number, options: CommandOptions): Promise<void> {
    const result = await this.#command(command, id, options);
    if (result < 0) throw failed(name, id, result);
  }

  /** @returns what the driver answers: ≥ 0, or -errno */
  async #command(command: number, id: number, options: CommandOptions): Promise<number> {
    const { payload, length = 0, data = 0 } = options;
    // Who is not privileged shows by the path which device file the permission for is to be checked.
    const path = options.unprivileged ? Buffer.from(charNode(id)) : Buffer.alloc(0);
    const buffer = Buffer.allocUnsafeSlow(Math.max(128, path.length + length));
    path.copy(buffer);
    payload?.copy(buffer, path.length, 0, length);
    const address = path.length + length > 0 ? addressOf(buffer) : 0;
    const rest = new Uint32Array([data >>> 0, Math.floor(data / 0x1_0000_0000), path.length, 0]);
    const result = await new Promise<number>((completed) => {
      this.#ring.command(
        { completed },
        this.#fd,
        this.legacy ? abi.legacyNumber(command) : command,
        id,
        (abi.NO_QUEUE | ((path.length + length) << 16)) >>> 0,
        address >>> 0,
        Math.floor(address / 0x1_0000_0000),
        rest,
      );
    });
    payload?.set(buffer.subarray(path.length, path.length + length));
    return result;
  }
}

interface CommandOptions {
  /** Read by the driver, or written, or both. */
  readonly payload?: Buffer;
  /** Bytes of it. */
  readonly length?: number;
  readonly data?: number;
  readonly unprivileged?: boolean;
}

/** Where queues are served from. */
export function charNode(id: number): string {
  return `/dev/ublkc${id}`;
}

/** The disk. */
export function diskNode(id: number): string {
  return `/dev/ublkb${id}`;
}

export function isUnprivileged(flags: number): boolean {
  return (flags & abi.UNPRIVILEGED_DEV) !== 0;
}

function failed(name: string, id: number, result: number): TscryptError {
  const device = id === abi.ANY_DEVICE ? undefined : diskNode(id);
  const cause = systemError(`ublk ${name}`, -result);
  return fromSystemError(cause, 'The kernel refused a ublk command', { command: name, device });
}
