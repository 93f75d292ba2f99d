/**
 * The public library: volumes first, then the layers they are made of, for programs that want one
 * without the others. Everything not named here is internal.
 */
export {
  type BlockDevice,
  connectNbd,
  type Extent,
  FaultDevice,
  type Features,
  type Limits,
  listNbdExports,
  MemoryDevice,
  type OpenDeviceOptions,
  openDevice,
  SliceDevice,
  type WriteOptions,
  type WriteZeroesOptions,
} from './block/index.ts';
export { type Pbkdf, Secret, type SecretAllocator, useSecretAllocator } from './crypto/index.ts';
export {
  type ActivationRequest,
  activateDevice,
  type CloseOptions,
  closeDevice,
  type DeviceInfo,
  type ExportChoice,
  type ExportInfo,
  findDevice,
  type ListenOptions,
  listDevices,
} from './daemon/index.ts';
export {
  type DeviceArea,
  DeviceMapper,
  type DeviceMapperOptions,
  MappedDevice,
  type MappedDeviceInfo,
  type MappedDeviceOptions,
  type NewDevice,
  Requeue,
  type SuspendOptions,
  type TableLoadOptions,
  type Target,
  type TargetContext,
  type TargetType,
  targetTypes,
} from './dm/index.ts';
export { type ErrorCode, TscryptError } from './errors.ts';
export { type NbdExport, NbdServer, type NbdServerOptions, type NbdTlsOptions } from './export/nbd/index.ts';
export type { Luks2Header } from './luks2/index.ts';
export { formatTable, parseTable, type TableArg, type TableLine, type TableSpec } from './table/index.ts';
export * from './volume/index.ts';
