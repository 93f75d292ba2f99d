import type { ActivationRequest, DeviceInfo } from './request.ts';

export interface ActivateDeviceOptions {
  /** Gives up and ends the half-started daemon. */
  readonly signal?: AbortSignal;
}

/**
 * Starts a daemon that maps and serves a device, and returns when the device is usable.
 *
 * @throws TscryptError DEVICE_EXISTS if the name is taken, DEVICE_BUSY if a backing device is in use, and
 *   whatever building the table or opening its devices failed with
 */
export declare function activateDevice(
  request: ActivationRequest,
  options?: ActivateDeviceOptions,
): Promise<DeviceInfo>;
