import type { ActivationRequest, DeviceInfo } from './request.ts';
import type { StackOperations } from './stack-operations.ts';

/** A device to be made, as its launcher prepared it. */
export interface NewDeviceOrder {
  readonly request: ActivationRequest;
  /** The prepared directory that becomes the device's. */
  readonly staging: string;
  readonly workingDirectory: string;
}

/** What the control sockets of a device may ask of the stack it belongs to. */
export interface StackControl {
  readonly operations: StackOperations;
  /**
   * Makes a device, and makes it usable if the request holds a table.
   *
   * @throws TscryptError whatever is wrong; nothing of it is left then
   */
  create(order: NewDeviceOrder): Promise<DeviceInfo>;
  /**
   * Ends this daemon in favour of a successor, which has the program that is installed now. Returns when that is
   * certain.
   *
   * @throws TscryptError DEVICE_BUSY when somebody uses a device in a way that cannot be handed over, unless `force`;
   *   the daemon goes on then
   */
  replace(options: { readonly force: boolean }): Promise<void>;
}
