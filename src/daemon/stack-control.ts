import type { MappedDevice } from '../dm/index.ts';
import type { TableSpec } from '../table/index.ts';
import type { ActivationRequest, DeviceInfo } from './request.ts';

/** A device to be made, as its launcher prepared it. */
export interface NewDeviceOrder {
  readonly request: ActivationRequest;
  /** The prepared directory that becomes the device's. */
  readonly staging: string;
  readonly workingDirectory: string;
}

/** What the control sockets of a device may ask of the stack it belongs to. */
export interface StackControl {
  /**
   * Makes a device, and makes it usable if the request holds a table.
   *
   * @throws TscryptError whatever is wrong; nothing of it is left then
   */
  create(order: NewDeviceOrder): Promise<DeviceInfo>;
  /** @throws TscryptError as `MappedDevice.load` */
  load(
    device: MappedDevice,
    table: TableSpec,
    options: { readonly readOnly?: boolean | undefined; readonly workingDirectory: string },
  ): Promise<void>;
  wipeTable(device: MappedDevice, flush: boolean): Promise<void>;
  /** @throws TscryptError DEVICE_EXISTS when the name is taken; INVALID_ARGUMENT when it is no name */
  rename(device: MappedDevice, name: string): Promise<void>;
  /** @throws TscryptError DEVICE_EXISTS when another device has the UUID, INVALID_ARGUMENT when it has one */
  setUuid(device: MappedDevice, uuid: string): Promise<void>;
}
