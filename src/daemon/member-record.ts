import type { MappedDevice } from '../dm/index.ts';
import type { TableSpec } from '../table/index.ts';
import type { DeviceServer } from './device-server.ts';
import type { DeviceRegistration, RegisteredTable } from './registration.ts';
import type { ActivationRequest } from './request.ts';
import { copyTable } from './secret-values.ts';

/** What {@link MemberRecord} is told of a device once and for all. */
export interface MemberFacts {
  /** Of the device's directory. */
  readonly id: string;
  readonly server: DeviceServer;
  readonly request: ActivationRequest;
  readonly workingDirectory: string;
}

/**
 * What a successor must know of one device, whenever it is asked for: while tables are exchanged, that they have been,
 * since requests may have gone through the new one when the daemon dies.
 */
export class MemberRecord {
  readonly #facts: MemberFacts;
  #exchange: { readonly next: TableSpec | undefined } | undefined;

  constructor(facts: MemberFacts) {
    this.#facts = facts;
  }

  get id(): string {
    return this.#facts.id;
  }

  /**
   * The inactive table, or `next`, is about to become the live one.
   *
   * @returns to be called when it has, or has not
   */
  exchanging(next?: TableSpec): () => void {
    const exchange = { next };
    this.#exchange = exchange;
    return () => {
      if (this.#exchange === exchange) this.#exchange = undefined;
    };
  }

  /** Its secrets are copies, the caller's to dispose of. */
  registration(): DeviceRegistration {
    const { id, server, workingDirectory } = this.#facts;
    const { name: _, uuid: __, minor: ___, table: ____, ...request } = this.#facts.request;
    const { device, geometry, kernel } = server;
    const { info } = device;
    const pending = this.#exchange?.next !== undefined || info.tables.inactive;
    const exchange = pending ? this.#exchange : undefined;
    const live = exchange ? this.#next(exchange.next) : registered(device, {});
    const inactive = exchange ? undefined : registered(device, { inactive: true });
    return {
      id,
      name: info.name,
      uuid: info.uuid ?? '',
      minor: info.minor,
      request,
      workingDirectory,
      ...(live && { live }),
      ...(inactive && { inactive }),
      messages: exchange ? [] : device.stateMessages(),
      suspended: info.state === 'suspended' && !exchange,
      closeDeferred: info.deferredRemove,
      eventNumber: info.eventNumber,
      ...(geometry && { geometry }),
      ...(kernel.state && { kernel: kernel.state }),
    };
  }

  #next(next: TableSpec | undefined): RegisteredTable | undefined {
    const { device } = this.#facts.server;
    if (next) return { lines: next, readOnly: device.loadedReadOnly() };
    return registered(device, { inactive: true }) ?? registered(device, {});
  }
}

function registered(
  device: MappedDevice,
  which: { readonly inactive?: boolean },
): RegisteredTable | undefined {
  const { live, inactive } = device.info.tables;
  if (!(which.inactive ? inactive : live)) return undefined;
  return { lines: copyTable(device.table(which)), readOnly: device.loadedReadOnly(which) };
}
