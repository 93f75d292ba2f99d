import type { CloseOptions, DeviceInfo } from './request.ts';

/** The active device of that name, or undefined. Clears away what a dead daemon left behind. */
export declare function findDevice(name: string): Promise<DeviceInfo | undefined>;
/** All active devices, by name. */
export declare function listDevices(): Promise<DeviceInfo[]>;
/**
 * Closes a device: when this returns (and the close was not deferred), everything is on stable storage, the
 * keys are wiped and the daemon is gone.
 *
 * @throws TscryptError NO_SUCH_DEVICE if it is not active, DEVICE_BUSY if clients are connected
 */
export declare function closeDevice(name: string, options?: CloseOptions): Promise<void>;
export declare function suspendDevice(name: string, options?: { flush?: boolean }): Promise<void>;
export declare function resumeDevice(name: string): Promise<void>;
export declare function flushDevice(name: string): Promise<void>;
/** `dmsetup message`: gives `words` to the target that holds `sector`; returns its answer ('' if none). */
export declare function messageDevice(
  name: string,
  sector: number,
  words: readonly string[],
): Promise<string>;
