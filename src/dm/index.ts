export type { Copier } from './copies.ts';
export { DeviceMapper, type DeviceMapperOptions, type NewDevice } from './device-mapper.ts';
export { type MappedReference, mappedReference } from './device-numbers.ts';
export {
  MappedDevice,
  type MappedDeviceInfo,
  type MappedDeviceOptions,
  type TableLoadOptions,
} from './mapped-device.ts';
export { targetTypes } from './registry.ts';
export {
  copyStack,
  mappedStack,
  type PlannedDevice,
  planStack,
  type StackCopy,
  type StackPlan,
} from './stack-plan.ts';
export { formatStatusLine, type TargetStatus } from './status.ts';
export type { DeviceOpener } from './table-devices.ts';
export {
  type DeviceArea,
  Requeue,
  type SuspendOptions,
  type Target,
  type TargetContext,
  type TargetFeatures,
  type TargetType,
} from './target.ts';
