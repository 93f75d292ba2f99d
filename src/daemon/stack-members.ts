import type { MappedDevice } from '../dm/index.ts';
import { TscryptError } from '../errors.ts';
import type { ControlServer } from './control-server.ts';
import type { DeviceServer } from './device-server.ts';
import type { MemberRecord } from './member-record.ts';
import type { NumberClaims } from './number-claims.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { Registrar } from './registrar.ts';
import type { SecretsServer } from './secrets-server.ts';
import { writeState } from './state-file.ts';

/** A device with everything that makes it reachable. */
export interface Member {
  readonly server: DeviceServer;
  readonly control: ControlServer;
  readonly secrets: SecretsServer;
  readonly claims: NumberClaims;
  readonly record: MemberRecord;
}

export interface StackMembersOptions {
  /** The runtime directory. */
  readonly root: string;
  readonly common: boolean;
  readonly log: (error: unknown) => void;
}

/** The devices of a stack that are reachable, and what the supervisor, if there is one, knows of them. */
export class StackMembers {
  readonly registrar: Registrar;
  readonly #log: (error: unknown) => void;
  readonly #members = new Map<MappedDevice, Member>();
  /** What puts tables into the slots of a device. */
  readonly #tables = new WeakMap<MappedDevice, OneAtATime>();
  #leaving = false;

  constructor({ root, common, log }: StackMembersOptions) {
    this.#log = log;
    this.registrar = new Registrar({
      root,
      common,
      snapshot: () => this.all.map(({ record }) => record.registration()),
      log,
    });
  }

  get all(): readonly Member[] {
    return [...this.#members.values()];
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  /** @throws TscryptError NO_SUCH_DEVICE when it is going, DEVICE_BUSY when the daemon is being replaced */
  get(device: MappedDevice): Member {
    if (this.#leaving) throw beingReplaced(device.name);
    const member = this.#members.get(device);
    if (member) return member;
    throw new TscryptError('NO_SUCH_DEVICE', `Device ${device.name} is closing.`, {
      details: { device: device.name },
    });
  }

  /** Returns when the supervisor, if there is to be one, knows of the device. */
  async add(member: Member): Promise<void> {
    this.#members.set(member.server.device, member);
    await this.register(member);
  }

  /** Returns when the supervisor does not know it any more. */
  async remove({ server, record }: Pick<Member, 'server' | 'record'>): Promise<void> {
    this.#members.delete(server.device);
    await this.registrar.forget(record.id);
  }

  /** From now on nothing changes any more: a successor takes over. */
  leave(): void {
    this.#leaving = true;
  }

  /** Operations that put tables into the device's slots, one after the other. */
  tablesOf(device: MappedDevice): OneAtATime {
    const tables = this.#tables.get(device) ?? new OneAtATime();
    this.#tables.set(device, tables);
    return tables;
  }

  /** Tells the supervisor how a device is now, and of this daemon when a first device can have a successor. */
  async register(member: Member): Promise<void> {
    const { server, record } = member;
    if (this.registrar.active) {
      const isHere = (): boolean => this.#members.get(server.device) === member && !server.ending;
      await this.registrar.update(() => (isHere() ? record.registration() : undefined));
    } else if (server.kernel.recoverable) {
      // The device works without, for as long as this daemon does.
      await this.registrar.begin().catch(this.#log);
    }
  }

  /** What others may know of a device has changed by itself. */
  readonly changed = (device: MappedDevice): void => {
    const member = this.#members.get(device);
    if (!member || this.#leaving) return;
    writeState(member.server.paths, member.server.info);
    void this.register(member);
  };
}

export function beingReplaced(name: string): TscryptError {
  return new TscryptError('DEVICE_BUSY', `The daemon of ${name} is being replaced.`, {
    details: { device: name },
    hint: 'Try again in a moment.',
  });
}
