export { type ActivateDeviceOptions, activateDevice } from './activate.ts';
export {
  clearDeviceTable,
  closeDevice,
  deviceStatus,
  deviceTable,
  findDevice,
  flushDevice,
  listDevices,
  loadDeviceTable,
  messageDevice,
  renameDevice,
  resumeDevice,
  setDeviceGeometry,
  setDeviceUuid,
  suspendDevice,
  waitForDeviceEvent,
  wipeDeviceTable,
} from './devices.ts';
export type {
  ActivationRequest,
  CloseOptions,
  Dependency,
  DeviceInfo,
  ExportChoice,
  ExportInfo,
  Geometry,
  ListenOptions,
} from './request.ts';
