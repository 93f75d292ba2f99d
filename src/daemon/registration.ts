import type { ProcessIdentity } from '../sys/index.ts';
import type { TableArg, TableSpec } from '../table/spec.ts';
import type { KernelDeviceState } from './kernel-device.ts';
import { count, flag, type Parameters, table, tableArgs, text, wrong } from './parameters.ts';
import type { ActivationRequest, Geometry } from './request.ts';

/** A table with its keys, and whether it only reads. */
export interface RegisteredTable {
  readonly lines: TableSpec;
  readonly readOnly: boolean;
}

export interface RegisteredMessage {
  readonly sector: number;
  readonly words: readonly TableArg[];
}

/**
 * All that a daemon needs to go on with a device where another one left off. The supervisor keeps it; it travels in
 * frames, and so its keys in secret memory alone.
 */
export interface DeviceRegistration {
  /** Of the device's directory (owner-tokens.ts). */
  readonly id: string;
  readonly name: string;
  /** '' for none. */
  readonly uuid: string;
  readonly minor: number;
  /** What was asked for when it was made, as far as it never changes. */
  readonly request: Omit<ActivationRequest, 'name' | 'uuid' | 'minor' | 'table'>;
  readonly workingDirectory: string;
  readonly live?: RegisteredTable;
  readonly inactive?: RegisteredTable;
  /** What messages have changed in the live table's targets; see `Target.stateMessages`. */
  readonly messages: readonly RegisteredMessage[];
  readonly suspended: boolean;
  readonly closeDeferred: boolean;
  readonly eventNumber: number;
  readonly geometry?: Geometry;
  /** The kernel's device that shows it. */
  readonly kernel?: KernelDeviceState;
}

/** What the supervisor gives a daemon that it starts. */
export interface SuccessionOrder {
  /** Go on with the devices; or remove what is left of them in the kernel and in the runtime directory. */
  readonly task: 'recover' | 'discard';
  readonly root: string;
  /** Who owned what is taken over; all of them have ended. */
  readonly predecessors: readonly ProcessIdentity[];
  readonly common: boolean;
  readonly devices: readonly DeviceRegistration[];
}

/** @throws TscryptError INVALID_ARGUMENT when it is none, or of a version that this one does not understand */
export function registrationOf(value: unknown): DeviceRegistration {
  const members = value as DeviceRegistration;
  const fields = (value ?? {}) as Parameters;
  return {
    id: text(fields.id, 'id'),
    name: text(fields.name, 'name'),
    uuid: text(fields.uuid, 'uuid'),
    minor: count(fields.minor, 'minor'),
    request: object(fields.request, 'request'),
    workingDirectory: text(fields.workingDirectory, 'workingDirectory'),
    ...(fields.live !== undefined && { live: registeredTable(fields.live) }),
    ...(fields.inactive !== undefined && { inactive: registeredTable(fields.inactive) }),
    messages: messages(fields.messages),
    suspended: flag(fields.suspended, 'suspended', false),
    closeDeferred: flag(fields.closeDeferred, 'closeDeferred', false),
    eventNumber: count(fields.eventNumber, 'eventNumber'),
    ...(fields.geometry !== undefined && { geometry: members.geometry }),
    ...(fields.kernel !== undefined && { kernel: members.kernel }),
  };
}

export function identityFrom(value: unknown): ProcessIdentity {
  const { pid, startTime } = (value ?? {}) as Parameters;
  return { pid: count(pid, 'pid'), startTime: text(startTime, 'startTime') };
}

function registeredTable(value: unknown): RegisteredTable {
  const { lines, readOnly } = object(value, 'table');
  return { lines: table(lines, 'table'), readOnly: flag(readOnly, 'readOnly', false) };
}

function messages(value: unknown): RegisteredMessage[] {
  if (!Array.isArray(value)) throw wrong('messages', 'a list');
  return value.map((message) => {
    const { sector, words } = object(message, 'message');
    return { sector: count(sector, 'sector'), words: tableArgs(words, 'words') };
  });
}

function object(value: unknown, field: string): Parameters {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Parameters;
  throw wrong(field, 'an object');
}
