export { MappedDevice, type MappedDeviceInfo, type MappedDeviceOptions } from './mapped-device.ts';
export { targetTypes } from './registry.ts';
export { formatStatusLine, type TargetStatus } from './status.ts';
export type { DeviceOpener } from './table-devices.ts';
export type { DeviceArea, Target, TargetContext, TargetFeatures, TargetType } from './target.ts';
