export {
  type BlockDevice,
  DEFAULT_LIMITS,
  type Extent,
  type Features,
  type Limits,
  type WriteOptions,
  type WriteZeroesOptions,
} from './device.ts';
export {
  type Change,
  type CutOptions,
  FaultDevice,
  type FaultRule,
  type LogEntry,
  type RequestKind,
} from './fault.ts';
export { type OpenFileOptions, openFile } from './file.ts';
export { type DeviceLock, type DeviceLockOptions, lockDevice } from './lock.ts';
export { MemoryDevice, type MemoryDeviceOptions } from './memory.ts';
export { connectNbd, listNbdExports, type NbdClientOptions, type NbdExportInfo } from './nbd/client.ts';
export { formatNbdUri, isNbdUri, type NbdUri, parseNbdUri } from './nbd/uri.ts';
export { type OpenDeviceOptions, openDevice } from './open.ts';
export { SliceDevice, type SliceOptions } from './slice.ts';
export { claimDevice, type DeviceClaim, type DeviceClaimOptions } from './usage.ts';
